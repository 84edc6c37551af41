//! Writes ONNX graphs with tract's protobuf types.

use prost::Message;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, type_proto,
};

const OPSET: i64 = 17;
const IR_VERSION: i64 = 8;
/// onnxruntime's own operators, `QLinearAdd` among them.
pub const MICROSOFT: &str = "com.microsoft";

/// Numbers that stand in the file.
pub enum Numbers<'a> {
    F32(&'a [f32]),
    I32(&'a [i32]),
    I64(&'a [i64]),
    I8(&'a [i8]),
    U8(&'a [u8]),
}

/// A graph in the making. Values are named; each call gives the name of what it made.
#[derive(Default)]
pub struct OnnxGraph {
    graph: GraphProto,
}

impl OnnxGraph {
    pub fn new(name: &str) -> Self {
        OnnxGraph { graph: GraphProto { name: name.into(), ..Default::default() } }
    }

    pub fn input(&mut self, name: &str, shape: &[usize]) -> String {
        self.graph.input.push(f32_value(name, shape));
        name.into()
    }

    pub fn output(&mut self, name: &str, shape: &[usize]) {
        self.graph.output.push(f32_value(name, shape));
    }

    pub fn constant(&mut self, name: impl Into<String>, shape: &[usize], numbers: Numbers<'_>) -> String {
        let (kind, raw): (DataType, Vec<u8>) = match numbers {
            Numbers::F32(v) => (DataType::Float, v.iter().flat_map(|x| x.to_le_bytes()).collect()),
            Numbers::I32(v) => (DataType::Int32, v.iter().flat_map(|x| x.to_le_bytes()).collect()),
            Numbers::I64(v) => (DataType::Int64, v.iter().flat_map(|x| x.to_le_bytes()).collect()),
            Numbers::I8(v) => (DataType::Int8, v.iter().map(|x| x.cast_unsigned()).collect()),
            Numbers::U8(v) => (DataType::Uint8, v.to_vec()),
        };
        let name = name.into();
        self.graph.initializer.push(TensorProto {
            dims: shape.iter().map(|&d| d as i64).collect(),
            data_type: kind as i32,
            name: name.clone(),
            raw_data: raw,
            ..Default::default()
        });
        name
    }

    /// Adds a node whose single output is called `output`.
    pub fn node(
        &mut self,
        op: &str,
        domain: &str,
        output: &str,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) -> String {
        self.graph.node.push(NodeProto {
            op_type: op.into(),
            domain: domain.into(),
            name: output.into(),
            input: inputs.iter().map(|&s| s.into()).collect(),
            output: vec![output.into()],
            attribute: attributes,
            ..Default::default()
        });
        output.into()
    }

    /// 2x2 maximum, stride 2.
    pub fn max_pool(&mut self, output: &str, x: &str) -> String {
        self.node("MaxPool", "", output, &[x], vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])])
    }

    /// Nearest neighbour, twice the size.
    pub fn upsample(&mut self, output: &str, x: &str) -> String {
        const SCALES: &str = "upsample.scales";
        if !self.graph.initializer.iter().any(|t| t.name == SCALES) {
            self.constant(SCALES, &[4], Numbers::F32(&[1.0, 1.0, 2.0, 2.0]));
        }
        let attributes = vec![
            text("mode", "nearest"),
            text("coordinate_transformation_mode", "asymmetric"),
            text("nearest_mode", "floor"),
        ];
        self.node("Resize", "", output, &[x, "", SCALES], attributes)
    }

    pub fn concat(&mut self, output: &str, parts: &[&str]) -> String {
        self.node("Concat", "", output, parts, vec![int("axis", 1)])
    }

    /// The file's bytes.
    pub fn encode(self) -> Vec<u8> {
        let opset = |domain: &str, version| OperatorSetIdProto { domain: domain.into(), version };
        let mut opset_import = vec![opset("", OPSET)];
        if self.graph.node.iter().any(|node| node.domain == MICROSOFT) {
            opset_import.push(opset(MICROSOFT, 1));
        }
        ModelProto {
            ir_version: IR_VERSION,
            opset_import,
            producer_name: "wingmark-trainer".into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            graph: Some(self.graph),
            ..Default::default()
        }
        .encode_to_vec()
    }
}

/// The attributes of a convolution with padding on all sides.
pub fn conv_attributes(kernel: usize, stride: usize) -> Vec<AttributeProto> {
    let (kernel, stride) = (kernel as i64, stride as i64);
    vec![ints("kernel_shape", &[kernel; 2]), ints("strides", &[stride; 2]), ints("pads", &[kernel / 2; 4])]
}

fn attribute(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: kind as i32, ..Default::default() }
}

pub fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { ints: values.to_vec(), ..attribute(name, AttributeType::Ints) }
}

pub fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { i: value, ..attribute(name, AttributeType::Int) }
}

fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto { s: value.as_bytes().to_vec(), ..attribute(name, AttributeType::String) }
}

fn f32_value(name: &str, shape: &[usize]) -> ValueInfoProto {
    let dimension = |&d: &usize| Dimension { value: Some(dimension::Value::DimValue(d as i64)), ..Default::default() };
    let tensor = type_proto::Tensor {
        elem_type: DataType::Float as i32,
        shape: Some(TensorShapeProto { dim: shape.iter().map(dimension).collect() }),
    };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() }),
        ..Default::default()
    }
}
