//! What only this folder sees: tract's optimised graph.

use tract_onnx::prelude::*;
use wingmark_kernels::Kernel;

use super::*;

const ALL: &[u8] = include_bytes!("../../tests/nets/all.onnx");
const STOCK: &[u8] = include_bytes!("../../tests/nets/stock.onnx");

fn picture(side_px: u32) -> CropImage {
    let count = side_px as usize * side_px as usize * 3;
    CropImage { side_px, rgb: (0..count).map(|i| (i * 31 % 251) as u8).collect() }
}

/// The heatmaps as tract computes them, operator by operator.
fn unfused(file: &[u8], picture: &CropImage) -> Vec<f32> {
    let plan = onnx::load(file).unwrap().model.into_runnable().unwrap();
    let side = picture.side_px as usize;
    let real = |byte: &u8| (f32::from(*byte) - 128.0) / 128.0;
    let pixels: Vec<f32> = picture.rgb.iter().map(real).collect();
    let image = Tensor::from_shape(&[1, side, side, 3], &pixels).unwrap().move_axis(3, 1).unwrap();
    let maps = plan.run(tvec!(image.into())).unwrap()[0].clone().into_tensor().move_axis(1, 3).unwrap();
    maps.try_as_plain_ram().unwrap().as_slice::<f32>().unwrap().to_vec()
}

#[test]
fn fused_steps_give_what_tract_gives_operator_by_operator() {
    for file in [ALL, STOCK] {
        let model = Model::with_kernel(file, Kernel::fastest()).unwrap();
        let picture = picture(model.input_side_px());
        let mut session = model.session();
        let maps = session.infer(&picture).unwrap();
        let [rows, columns, channels] = model.output_shape();
        let mut found = Vec::new();
        for row in 0..rows {
            for column in 0..columns {
                found.extend((0..channels).map(|channel| maps.heat(row, column, channel)));
            }
        }
        assert_eq!(found, unfused(file, &picture));
    }
}

#[test]
fn all_operators_of_the_optimised_graph_are_int8() {
    let model = Model::with_kernel(ALL, Kernel::portable()).unwrap();
    let others: Vec<_> = model
        .operators()
        .keys()
        .filter(|name| !name.starts_with("Int8") && !["Const", "Source"].contains(&name.as_str()))
        .collect();
    assert!(others.is_empty(), "{others:?} in {:?}", model.operators());
    assert_eq!(model.operators()["Int8Convolution"], 16);
}
