//! A quantised net on our kernels.

use std::sync::Arc;

use tract_onnx::prelude::TypedModel;
use wingmark_kernels::{Chunk, Kernel, Program, Workspace};

use super::ModelError;
use super::lower::lower;
use super::signature::check_memory;
use crate::model::card::Quantisation;
use crate::model::heatmaps::Heatmaps;

#[derive(Clone)]
pub(super) struct Int8Net {
    program: Arc<Program>,
    heat: Quantisation,
}

pub(super) struct Int8Session {
    net: Int8Net,
    workspace: Workspace,
}

impl Int8Net {
    pub(super) fn new(model: TypedModel, kernel: Kernel) -> Result<Self, ModelError> {
        let lowered = lower(&model)?;
        // The program takes its memory.
        drop(model);
        let program = Arc::new(Program::plan(&lowered.graph, lowered.output, kernel)?);
        check_memory(program.workspace_bytes(1))?;
        Ok(Int8Net { program, heat: Quantisation { scale: lowered.scale, zero_point: lowered.zero_point } })
    }

    /// Rows and columns.
    pub(super) fn input_size(&self) -> [usize; 2] {
        let shape = self.program.input_shape();
        [shape.rows, shape.columns]
    }

    pub(super) fn output_shape(&self) -> [usize; 3] {
        let shape = self.program.output_shape();
        [shape.rows, shape.columns, shape.channels]
    }

    pub(super) fn kernel_name(&self) -> &'static str {
        self.program.kernel().name()
    }

    pub(super) fn heat(&self) -> Quantisation {
        self.heat
    }

    pub(super) fn macs(&self) -> u64 {
        self.program.macs()
    }

    pub(super) fn session_bytes(&self, threads: usize) -> usize {
        self.program.workspace_bytes(threads)
    }

    pub(super) fn session(&self, threads: usize) -> Int8Session {
        let workspace = self.program.workspace(threads);
        if workspace.threads() < threads {
            log::warn!("the system gives the net {} threads, not {threads}", workspace.threads());
        }
        Int8Session { net: self.clone(), workspace }
    }
}

impl Int8Session {
    /// [`Program::run_part`].
    pub(super) fn infer_part(&mut self, rgb: &[u8], part: usize, parts: usize) -> Option<Heatmaps<'_, u8>> {
        let program = &self.net.program;
        let [rows, columns, channels] = self.net.output_shape();
        Some(Heatmaps {
            cells: program.run_part(&mut self.workspace, rgb, part, parts)?,
            rows,
            columns,
            channels,
            pitch: program.output_pitch(),
            scale: self.net.heat.scale,
            zero_point: f32::from(self.net.heat.zero_point),
        })
    }

    /// [`Program::run_chunks`].
    pub(super) fn run_chunks(&mut self, rgb: &[u8], threads: usize, done: impl FnMut(Chunk)) {
        self.net.program.run_chunks(&mut self.workspace, rgb, threads, done);
    }
}
