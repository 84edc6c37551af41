//! What a net computes: ONNX's quantised operators on NHWC tensors of one picture, before any
//! fusing.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Size of a tensor. Layout `[row, column, channel]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    pub rows: usize,
    pub columns: usize,
    pub channels: usize,
}

impl Shape {
    pub fn elements(&self) -> usize {
        self.rows * self.columns * self.channels
    }

    /// As [`Shape::elements`]; `None` where that is more than this machine counts to.
    pub(crate) fn checked_elements(&self) -> Option<usize> {
        product(&[self.rows, self.columns, self.channels])
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.rows, self.columns, self.channels)
    }
}

/// The result of one node of a [`Graph`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tensor(pub(crate) usize);

/// ONNX `QLinearConv` of group 1:
/// `y = round(multiplier * (bias + sum (x - input zero point) * w)) + output zero point`, rounded
/// half to even and clamped to 0..=255.
#[derive(Debug, Clone, PartialEq)]
pub struct Convolution {
    /// Rows and columns of the window.
    pub window: [usize; 2],
    /// Rows and columns from one window to the next.
    pub stride: [usize; 2],
    /// Top, left, bottom, right; filled with the input's zero point.
    pub padding: [usize; 4],
    /// Layout `[output channel, row, column, input channel]`. Shared, because graphs are copied
    /// while a net is loaded.
    pub weights: Arc<[i8]>,
    /// One for each output channel.
    pub bias: Vec<i32>,
    /// Input scale * weight scale / output scale, one for each output channel.
    pub multipliers: Vec<f32>,
    pub input_zero_point: u8,
    pub output_zero_point: u8,
}

impl Convolution {
    pub fn output_channels(&self) -> usize {
        self.bias.len()
    }

    fn output_shape(&self, input: Shape) -> Result<Shape, GraphError> {
        let name = "Convolution";
        let channels = self.output_channels();
        let weights = product(&[channels, self.window[0], self.window[1], input.channels]);
        if weights != Some(self.weights.len()) || channels == 0 {
            let found = format!("{} weights", self.weights.len());
            let [rows, columns] = self.window;
            let expected = format!("{channels} x {rows} x {columns} x {} of them", input.channels);
            return Err(unsuited(name, found, expected));
        }
        if self.multipliers.len() != channels || !self.multipliers.iter().all(|m| m.is_finite()) {
            let found = format!("{} scales", self.multipliers.len());
            return Err(unsuited(name, found, format!("{channels} finite ones, one an output channel")));
        }
        let [rows, columns] = self.output_size(input).ok_or_else(|| {
            let found = format!("a {}x{} window, stride {:?}", self.window[0], self.window[1], self.stride);
            unsuited(name, found, format!("a window that fits into {input} and moves on"))
        })?;
        Ok(Shape { rows, columns, channels })
    }

    /// Rows and columns of the result; `None` where the window does not fit into the padded input,
    /// or stands still.
    pub(crate) fn output_size(&self, input: Shape) -> Option<[usize; 2]> {
        let [top, left, bottom, right] = self.padding;
        let along = |length: usize, before: usize, after: usize, axis: usize| {
            let padded = length.checked_add(before)?.checked_add(after)?;
            let last = padded.checked_sub(self.window[axis]).filter(|_| self.window[axis] > 0)?;
            last.checked_div(self.stride[axis])?.checked_add(1)
        };
        Some([along(input.rows, top, bottom, 0)?, along(input.columns, left, right, 1)?])
    }
}

/// ONNX Runtime's `QLinearAdd`: `y = round(a * a_ratio + (b * b_ratio + offset))`, each of the two
/// sums rounded once (fused multiply-add), rounded half to even and clamped to 0..=255.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Addition {
    pub a_ratio: f32,
    pub b_ratio: f32,
    pub offset: f32,
}

impl Addition {
    /// From scale and zero point of both operands and of the result.
    pub fn new(a: (f32, u8), b: (f32, u8), result: (f32, u8)) -> Self {
        let (a_ratio, b_ratio) = (a.0 / result.0, b.0 / result.0);
        let offset = f32::from(result.1) - (a_ratio * f32::from(a.1) + b_ratio * f32::from(b.1));
        Addition { a_ratio, b_ratio, offset }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Operator {
    /// The picture; only the first node is one.
    Input(Shape),
    /// Values that no picture changes.
    Constant(Shape, Vec<u8>),
    Convolution(Convolution),
    Addition(Addition),
    /// 2x2, stride 2, without padding.
    MaxPool,
    /// Nearest neighbour, twice the rows and columns.
    Upsample,
    /// Along the channels, bytes as they are.
    Concat,
    /// Each byte replaced by the table's entry.
    Lookup(Box<[u8; 256]>),
}

impl Operator {
    pub fn name(&self) -> &'static str {
        match self {
            Operator::Input(_) => "Input",
            Operator::Constant(..) => "Constant",
            Operator::Convolution(_) => "Convolution",
            Operator::Addition(_) => "Addition",
            Operator::MaxPool => "MaxPool",
            Operator::Upsample => "Upsample",
            Operator::Concat => "Concat",
            Operator::Lookup(_) => "Lookup",
        }
    }

    /// Size of the result; an error where the inputs do not suit.
    pub fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, GraphError> {
        let name = self.name();
        let count = |expected: usize| {
            if inputs.len() == expected {
                Ok(())
            } else {
                Err(GraphError::Inputs { operator: name, found: inputs.len(), expected })
            }
        };
        match self {
            Operator::Input(shape) => count(0).map(|()| *shape),
            Operator::Constant(shape, values) => {
                count(0)?;
                if shape.checked_elements() != Some(values.len()) {
                    return Err(unsuited(name, format!("{} bytes", values.len()), shape.to_string()));
                }
                Ok(*shape)
            }
            Operator::Convolution(convolution) => {
                count(1)?;
                convolution.output_shape(inputs[0])
            }
            Operator::Addition(_) => {
                count(2)?;
                if inputs[0] != inputs[1] {
                    return Err(unsuited(name, format!("{} and {}", inputs[0], inputs[1]), "equal sizes".into()));
                }
                Ok(inputs[0])
            }
            Operator::MaxPool => {
                count(1)?;
                let Shape { rows, columns, channels } = inputs[0];
                if rows < 2 || columns < 2 {
                    return Err(unsuited(name, inputs[0].to_string(), "at least two rows and columns".into()));
                }
                Ok(Shape { rows: rows / 2, columns: columns / 2, channels })
            }
            Operator::Upsample => {
                count(1)?;
                let twice = |side: usize| side.saturating_mul(2);
                Ok(Shape { rows: twice(inputs[0].rows), columns: twice(inputs[0].columns), ..inputs[0] })
            }
            Operator::Concat => {
                let first = *inputs.first().ok_or(GraphError::Inputs { operator: name, found: 0, expected: 1 })?;
                if let Some(other) = inputs.iter().find(|i| (i.rows, i.columns) != (first.rows, first.columns)) {
                    return Err(unsuited(name, format!("{first} and {other}"), "equal rows and columns".into()));
                }
                let channels = inputs.iter().fold(0, |all: usize, input| all.saturating_add(input.channels));
                Ok(Shape { channels, ..first })
            }
            Operator::Lookup(_) => count(1).map(|()| inputs[0]),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Node {
    pub operator: Operator,
    pub inputs: Vec<Tensor>,
    pub shape: Shape,
}

/// Nodes in an order in which they can be computed; node i gives tensor i.
#[derive(Debug, Clone)]
pub struct Graph {
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GraphError {
    Inputs {
        operator: &'static str,
        found: usize,
        expected: usize,
    },
    Unsuited {
        operator: &'static str,
        found: String,
        expected: String,
    },
    PaddingDiffers {
        found: [u8; 2],
    },
    /// A tensor that is empty, or together with the others larger than memory can be.
    Size {
        found: Shape,
    },
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GraphError::Inputs { operator, found, expected } => {
                write!(f, "{operator} with {found} inputs, expected {expected}")
            }
            GraphError::Unsuited { operator, found, expected } => {
                write!(f, "{operator} of {found}, expected {expected}")
            }
            GraphError::PaddingDiffers { found: [a, b] } => {
                write!(f, "two convolutions pad one tensor with different zero points, {a} and {b}")
            }
            GraphError::Size { found } => {
                write!(
                    f,
                    "a tensor of {found}, padding left out; expected none that is empty, and all to fit into memory"
                )
            }
        }
    }
}

impl Error for GraphError {}

impl Graph {
    /// A graph that reads pictures of `input`; their tensor is [`Graph::input`].
    pub fn new(input: Shape) -> Self {
        Graph { nodes: vec![Node { operator: Operator::Input(input), inputs: vec![], shape: input }] }
    }

    pub fn input(&self) -> Tensor {
        Tensor(0)
    }

    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub fn shape(&self, tensor: Tensor) -> Shape {
        self.nodes[tensor.0].shape
    }

    /// Adds a node.
    pub fn add(&mut self, operator: Operator, inputs: &[Tensor]) -> Result<Tensor, GraphError> {
        if let Operator::Input(shape) = operator {
            return Err(unsuited("Input", format!("{shape} behind the first node"), "one, the first".into()));
        }
        let shapes: Vec<_> = inputs.iter().map(|input| self.shape(*input)).collect();
        let shape = operator.output_shape(&shapes)?;
        self.nodes.push(Node { operator, inputs: inputs.to_vec(), shape });
        Ok(Tensor(self.nodes.len() - 1))
    }

    /// Multiply-accumulates of all convolutions.
    pub fn macs(&self) -> u64 {
        let convolutions = self.nodes.iter().filter_map(|node| match &node.operator {
            // Of a large net more than 32 bits hold.
            Operator::Convolution(c) => Some([c.weights.len(), node.shape.rows, node.shape.columns]),
            _ => None,
        });
        convolutions.map(|factors| factors.map(|factor| factor as u64).iter().product::<u64>()).sum()
    }
}

/// `None` where it is more than this machine counts to.
fn product(factors: &[usize]) -> Option<usize> {
    factors.iter().try_fold(1, |product: usize, factor| product.checked_mul(*factor))
}

fn unsuited(operator: &'static str, found: String, expected: String) -> GraphError {
    GraphError::Unsuited { operator, found, expected }
}
