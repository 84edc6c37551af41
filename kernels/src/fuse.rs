//! Groups the nodes of a graph into steps: a sum moves into the convolution that makes one of its
//! operands, an upsampling into the sum that reads it, and constant channels into a convolution's
//! bias.

use crate::graph::{Addition, Convolution, Graph, Operator, Tensor};

/// Sums that one convolution can carry: the residual and the upsampled branch of an hourglass.
pub(crate) const MAX_SUMS: usize = 2;

/// A tensor that is read at the pixel being written, or, `halved`, at half its row and column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operand {
    pub tensor: usize,
    pub halved: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sum {
    pub addition: Addition,
    pub operand: Operand,
    /// The operand is the addition's `a`, and the convolution's own result its `b`.
    pub operand_is_a: bool,
}

/// Constant channels in front of or behind those that a picture fills.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConstantChannels<'g> {
    pub values: &'g [u8],
    pub channels: usize,
    /// Where they stand among the convolution's input channels.
    pub first: usize,
}

#[derive(Debug)]
pub(crate) struct FusedConvolution<'g> {
    pub convolution: &'g Convolution,
    pub input: usize,
    /// Where the input's channels stand among the convolution's input channels.
    pub first_channel: usize,
    pub constants: Vec<ConstantChannels<'g>>,
    pub sums: Vec<Sum>,
}

#[derive(Debug)]
pub(crate) enum Work<'g> {
    Constant(&'g [u8]),
    Convolution(FusedConvolution<'g>),
    Addition { addition: Addition, a: Operand, b: Operand },
    MaxPool(usize),
    Upsample(usize),
    Concat(Vec<usize>),
    Lookup(usize, &'g [u8; 256]),
}

/// Some work and the tensor that it fills.
#[derive(Debug)]
pub(crate) struct Fused<'g> {
    pub work: Work<'g>,
    pub result: usize,
}

impl Fused<'_> {
    /// Tensors that the work reads.
    pub(crate) fn reads(&self) -> Vec<usize> {
        match &self.work {
            Work::Constant(_) => vec![],
            Work::Convolution(c) => [c.input].into_iter().chain(c.sums.iter().map(|sum| sum.operand.tensor)).collect(),
            Work::Addition { a, b, .. } => vec![a.tensor, b.tensor],
            Work::MaxPool(input) | Work::Upsample(input) | Work::Lookup(input, _) => vec![*input],
            Work::Concat(parts) => parts.clone(),
        }
    }
}

/// The steps that make `output`, in an order in which they can run.
pub(crate) fn fuse(graph: &Graph, output: Tensor) -> Vec<Fused<'_>> {
    let users = count_users(graph, output);
    let mut steps: Vec<Fused> = Vec::new();
    for (result, node) in graph.nodes().iter().enumerate().filter(|(result, _)| users[*result] > 0) {
        let work = match &node.operator {
            Operator::Input(_) => continue,
            Operator::Constant(_, values) => Work::Constant(values),
            Operator::Convolution(convolution) => Work::Convolution(fold_constants(graph, convolution, node.inputs[0])),
            Operator::Addition(addition) => {
                let (a, b) = (operand(graph, node.inputs[0]), operand(graph, node.inputs[1]));
                match take_host(&mut steps, &users, [a, b]) {
                    Some((mut host, operand_is_a)) => {
                        let operand = if operand_is_a { a } else { b };
                        host.sums.push(Sum { addition: *addition, operand, operand_is_a });
                        Work::Convolution(host)
                    }
                    None => Work::Addition { addition: *addition, a, b },
                }
            }
            Operator::MaxPool => Work::MaxPool(node.inputs[0].0),
            Operator::Upsample => Work::Upsample(node.inputs[0].0),
            Operator::Concat => Work::Concat(node.inputs.iter().map(|input| input.0).collect()),
            Operator::Lookup(table) => Work::Lookup(node.inputs[0].0, table),
        };
        steps.push(Fused { work, result });
    }
    drop_unread(steps, output.0)
}

/// How many needed nodes read each node; the output counts as read once.
fn count_users(graph: &Graph, output: Tensor) -> Vec<usize> {
    let mut users = vec![0; graph.nodes().len()];
    users[output.0] = 1;
    for i in (0..=output.0).rev() {
        if users[i] > 0 {
            for input in &graph.nodes()[i].inputs {
                users[input.0] += 1;
            }
        }
    }
    users
}

fn operand(graph: &Graph, tensor: Tensor) -> Operand {
    let node = &graph.nodes()[tensor.0];
    match node.operator {
        Operator::Upsample => Operand { tensor: node.inputs[0].0, halved: true },
        _ => Operand { tensor: tensor.0, halved: false },
    }
}

/// Takes the latest convolution whose result only this sum reads, and whether the other operand is
/// `a`.
fn take_host<'g>(
    steps: &mut Vec<Fused<'g>>,
    users: &[usize],
    [a, b]: [Operand; 2],
) -> Option<(FusedConvolution<'g>, bool)> {
    let can_host = |step: &Fused, operand: Operand| {
        let room = matches!(&step.work, Work::Convolution(c) if c.sums.len() < MAX_SUMS);
        room && !operand.halved && step.result == operand.tensor && users[operand.tensor] == 1
    };
    let at = steps.iter().rposition(|step| can_host(step, a) || can_host(step, b))?;
    let operand_is_a = steps[at].result != a.tensor;
    match steps.remove(at).work {
        Work::Convolution(host) => Some((host, operand_is_a)),
        _ => None,
    }
}

/// Reads through a Concat of which all parts but one are constant.
fn fold_constants<'g>(graph: &'g Graph, convolution: &'g Convolution, input: Tensor) -> FusedConvolution<'g> {
    let mut fused =
        FusedConvolution { convolution, input: input.0, first_channel: 0, constants: Vec::new(), sums: Vec::new() };
    let concat = &graph.nodes()[input.0];
    if concat.operator != Operator::Concat {
        return fused;
    }
    let mut varying = Vec::new();
    let mut first = 0;
    for part in &concat.inputs {
        let channels = graph.shape(*part).channels;
        match &graph.nodes()[part.0].operator {
            Operator::Constant(_, values) => fused.constants.push(ConstantChannels { values, channels, first }),
            _ => varying.push((part.0, first)),
        }
        first += channels;
    }
    if let [(input, first_channel)] = varying[..] {
        FusedConvolution { input, first_channel, ..fused }
    } else {
        fused.constants.clear();
        fused
    }
}

fn drop_unread(steps: Vec<Fused<'_>>, output: usize) -> Vec<Fused<'_>> {
    let mut read = std::collections::HashSet::from([output]);
    let mut kept: Vec<_> = steps
        .into_iter()
        .rev()
        .filter(|step| {
            let keep = read.contains(&step.result);
            if keep {
                read.extend(step.reads());
            }
            keep
        })
        .collect();
    kept.reverse();
    kept
}
