//! Where pictures go.

mod canvas;
mod choice;
mod drm;
mod error;
mod fbdev;
mod fit;
mod memory;
mod pixels;
mod png;
mod scale;
pub mod settings;
mod spi;
mod testcard;
mod view;
#[cfg(feature = "window")]
mod window;

pub use canvas::Canvas;
pub use choice::{ScreenChoice, ScreenChoiceError, window_fault};
pub use error::ScreenError;
pub use memory::{MemoryScreen, PresentTime};
pub use png::PngFolder;
pub use settings::ScreenSettings;
pub use testcard::TestCard;
pub use view::View;

use crate::picture::frame::Size;

/// Something that shows a canvas.
pub trait Screen: Send {
    /// The size that a canvas has to have; `None` where any will do.
    fn size(&self) -> Option<Size>;

    /// Shows the canvas. May wait until the screen is ready for it.
    fn present(&mut self, canvas: &Canvas) -> Result<(), ScreenError>;

    /// Shows the canvas of the last frame again, with a notice on it.
    fn present_notice(&mut self, canvas: &Canvas) -> Result<(), ScreenError> {
        self.present(canvas)
    }
}
