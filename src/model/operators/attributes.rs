//! What all operators need to read their attributes.

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

/// Fails unless an attribute has one of the values that we compute.
pub(super) fn expect<T: PartialEq + std::fmt::Debug>(
    node: &NodeProto,
    name: &str,
    found: T,
    one_of: &[T],
) -> TractResult<()> {
    ensure!(one_of.contains(&found), "{} {}: {name} is {found:?}, expected {one_of:?}", node.op_type, node.name);
    Ok(())
}

/// An attribute with one entry for each of rows and columns.
pub(super) fn pair(node: &NodeProto, name: &str, default: usize) -> TractResult<[usize; 2]> {
    match node.get_attr_opt_vec::<usize>(name)?.as_deref() {
        None => Ok([default; 2]),
        Some([rows, columns]) => Ok([*rows, *columns]),
        Some(found) => bail!("{} {}: {name} is {found:?}, expected two", node.op_type, node.name),
    }
}
