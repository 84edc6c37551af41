//! What only this folder sees: tract's optimised graph.

use prost::Message;
use tract_onnx::pb::ModelProto;
use tract_onnx::pb::tensor_shape_proto::dimension::Value::DimValue;
use tract_onnx::pb::type_proto::Value;
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

/// The file with another side of its picture.
fn with_side(file: &[u8], side: i64) -> Vec<u8> {
    let mut file = ModelProto::decode(file).unwrap();
    let picture = &mut file.graph.as_mut().unwrap().input[0];
    let Some(Value::TensorType(tensor)) = &mut picture.r#type.as_mut().unwrap().value else { unreachable!() };
    tensor.shape.as_mut().unwrap().dim[2..].iter_mut().for_each(|dim| dim.value = Some(DimValue(side)));
    file.encode_to_vec()
}

#[test]
fn a_picture_that_no_card_may_name_is_refused_before_memory_is_taken() {
    let float = include_bytes!("../../tests/nets/float.onnx");
    for file in [ALL, float] {
        for side in [4097, 9000, 1 << 31, i64::MAX] {
            let error = Model::with_kernel(&with_side(file, side), Kernel::portable()).err().unwrap().to_string();
            let expected =
                format!("the ONNX file has an input of [1, 3, {side}, {side}]; expected sides of at most 4096 px");
            assert_eq!(error, expected);
        }
    }
    let error = signature::check_memory(300 << 20).unwrap_err().to_string();
    assert!(error.contains("300 MiB of tensors that are needed at once"), "{error}");
    signature::check_memory(200 << 20).unwrap();
}
