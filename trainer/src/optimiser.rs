//! AdamW (Loshchilov, Hutter 2019) and the moving average of the weights, both part of a
//! checkpoint; the optimisers of tch keep their state out of reach.

use std::collections::BTreeMap;

use tch::{Kind, Tensor, no_grad};

use crate::net::Weights;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;
/// Longest gradient over all weights, in the Euclidean norm.
const MAX_GRADIENT: f64 = 5.0;

pub struct AdamW {
    pub decay: f64,
    /// First and second moments by the name of the weight.
    pub moments: BTreeMap<String, [Tensor; 2]>,
}

impl AdamW {
    pub fn new(weights: &Weights, decay: f64) -> Self {
        let moments = weights.trainable().map(|(name, w)| (name.clone(), [w.zeros_like(), w.zeros_like()])).collect();
        AdamW { decay, moments }
    }

    /// One step, and whether it was made: with a gradient that is not finite it is left out.
    /// `number` counts from 1. Gradients are taken and cleared. Only convolution weights decay.
    pub fn step(&mut self, weights: &Weights, number: u64, rate: f64) -> bool {
        no_grad(|| {
            let squares: Vec<Tensor> =
                weights.trainable().map(|(_, w)| w.grad().to_kind(Kind::Float).square().sum(Kind::Float)).collect();
            let norm = f64::try_from(Tensor::stack(&squares, 0).sum(Kind::Float).sqrt()).expect("a norm is a number");
            if !norm.is_finite() {
                log::warn!("step {number}: the gradient is not finite; the step is left out");
                weights.trainable().for_each(|(_, w)| drop(w.grad().zero_()));
                return false;
            }
            let clip = (MAX_GRADIENT / norm).min(1.0);
            let number = i32::try_from(number).unwrap_or(i32::MAX);
            let (first_bias, second_bias) = (1.0 - BETA1.powi(number), 1.0 - BETA2.powi(number));
            for (name, weight) in weights.trainable() {
                let mut gradient = weight.grad();
                let [first, second] = self.moments.get_mut(name).expect("a moment for each weight");
                let clipped = &gradient * clip;
                let _ = first.g_mul_scalar_(BETA1).g_add_(&(&clipped * (1.0 - BETA1)));
                let _ = second.g_mul_scalar_(BETA2).g_add_(&(clipped.square() * (1.0 - BETA2)));
                let root = (&*second / second_bias).sqrt() + EPSILON;
                let mut weight = weight.shallow_clone();
                if name.ends_with(".weight") {
                    let _ = weight.g_mul_scalar_(1.0 - rate * self.decay);
                }
                let _ = weight.g_sub_(&(&*first / root * (rate / first_bias)));
                let _ = gradient.zero_();
            }
            true
        })
    }
}

/// Follows all tensors of a net with weight `1 - keep`; this is what is evaluated and exported.
pub fn follow(average: &Weights, weights: &Weights, keep: f64) {
    no_grad(|| {
        for (name, target) in &weights.tensors {
            let mut own = average.get(name).shallow_clone();
            let _ = own.g_mul_scalar_(keep).g_add_(&(target * (1.0 - keep)));
        }
    });
}
