//! A window on the desktop, X11 or Wayland. Escape closes it.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use minifb::{Key, ScaleMode, Window, WindowOptions};

use super::{Canvas, Screen, ScreenError};
use crate::picture::frame::Size;
use crate::threads;

const FIRST_SIZE: Size = Size { width: 960, height: 720 };
/// How often the desktop's events are looked at while no picture comes.
const IDLE: Duration = Duration::from_millis(20);

/// The window lives on a thread of its own, as it may not leave the one that opened it.
pub struct WindowScreen {
    size: Arc<Mutex<Size>>,
    pictures: Sender<Picture>,
    /// Pictures that have been shown, to be filled again.
    spare: Receiver<Picture>,
}

#[derive(Default)]
struct Picture {
    size: Size,
    /// 0x00rrggbb.
    pixels: Vec<u32>,
}

impl WindowScreen {
    pub fn open() -> Result<Self, ScreenError> {
        let (pictures, to_show) = mpsc::channel();
        let (shown, spare) = mpsc::channel();
        let (opened, is_open) = mpsc::channel();
        let size = Arc::new(Mutex::new(FIRST_SIZE));
        // One is drawn while the other is shown.
        for _ in 0..2 {
            shown.send(Picture::default()).expect("the receiver is here");
        }
        let window_size = size.clone();
        let show = move || match open_window() {
            Ok(window) => {
                let _ = opened.send(Ok(()));
                serve(window, &to_show, &shown, &window_size);
            }
            Err(e) => {
                let _ = opened.send(Err(e.to_string()));
            }
        };
        threads::start("window", show).map_err(|e| ScreenError::Window(e.to_string()))?;
        match is_open.recv() {
            Ok(opened) => opened.map_err(ScreenError::Window)?,
            Err(_) => return Err(ScreenError::Window("its thread ended".into())),
        }
        Ok(WindowScreen { size, pictures, spare })
    }
}

impl Screen for WindowScreen {
    fn size(&self) -> Option<Size> {
        Some(*self.size.lock().expect("no thread panics with the lock"))
    }

    fn present(&mut self, canvas: &Canvas) -> Result<(), ScreenError> {
        let mut picture = self.spare.recv().map_err(|_| ScreenError::WindowClosed)?;
        picture.size = canvas.size();
        picture.pixels.clear();
        let pixels = canvas.rgb().chunks_exact(3).map(|pixel| u32::from_be_bytes([0, pixel[0], pixel[1], pixel[2]]));
        picture.pixels.extend(pixels);
        self.pictures.send(picture).map_err(|_| ScreenError::WindowClosed)
    }
}

fn open_window() -> minifb::Result<Window> {
    let options = WindowOptions { resize: true, scale_mode: ScaleMode::AspectRatioStretch, ..WindowOptions::default() };
    let mut window = Window::new("wingmark", FIRST_SIZE.width as usize, FIRST_SIZE.height as usize, options)?;
    // Pictures come at the camera's rate.
    window.set_target_fps(0);
    Ok(window)
}

/// Shows pictures until the window is closed or nobody is left to send them.
fn serve(mut window: Window, to_show: &Receiver<Picture>, shown: &Sender<Picture>, size: &Mutex<Size>) {
    while window.is_open() && !window.is_key_down(Key::Escape) {
        match to_show.recv_timeout(IDLE) {
            Ok(picture) => {
                let Size { width, height } = picture.size;
                if let Err(e) = window.update_with_buffer(&picture.pixels, width as usize, height as usize) {
                    log::error!("the window cannot show a picture: {e}");
                    return;
                }
                if shown.send(picture).is_err() {
                    return;
                }
            }
            Err(RecvTimeoutError::Timeout) => window.update(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let (width, height) = window.get_size();
        if width > 0 && height > 0 {
            *size.lock().expect("no thread panics with the lock") = Size { width: width as u32, height: height as u32 };
        }
    }
}
