//! Int8 NHWC kernels.
