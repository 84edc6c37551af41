//! A panel behind an SPI bus, driven by its controller's commands (MIPI DCS).

use std::fmt::Display;
use std::path::PathBuf;

use embedded_graphics::pixelcolor::{Rgb565, Rgb888};
use embedded_hal::delay::DelayNs;
use embedded_hal::digital::OutputPin;
use embedded_hal::spi::SpiDevice;
use linux_embedded_hal::gpio_cdev::{Chip, LineRequestFlags};
use linux_embedded_hal::spidev::{SpiModeFlags, Spidev, SpidevOptions};
use linux_embedded_hal::{CdevPin, Delay, SpidevDevice};
use mipidsi::interface::{SpiError, SpiInterface};
use mipidsi::models::{GC9A01, ILI9341Rgb565, Model, ST7735s, ST7789, ST7796};
use mipidsi::options::{ColorInversion, ColorOrder, Orientation, Rotation as Turn};
use mipidsi::{Builder, InitError};

use super::settings::{ColourOrder, Controller, Pin, Rotation, SpiPanel};
use super::{Canvas, Screen, ScreenError};
use crate::picture::frame::Size;

/// Where spidev says how many bytes it sends at once.
const SPIDEV_LIMIT: &str = "/sys/module/spidev/parameters/bufsiz";
/// Unless it says otherwise.
const SPIDEV_LIMIT_BYTES: usize = 4096;

/// The backlight, where it has a pin, goes out when this is dropped.
pub struct SpiScreen {
    device: PathBuf,
    size: Size,
    panel: Box<dyn Panel>,
    backlight: Option<CdevPin>,
}

impl SpiScreen {
    pub fn open(settings: &SpiPanel, rotation: Rotation) -> Result<Self, ScreenError> {
        let wires = Wires {
            bus: open_bus(settings)?,
            data: open_pin(&settings.data_pin)?,
            reset: settings.reset_pin.as_ref().map(open_pin).transpose()?,
        };
        let mut backlight = settings.backlight_pin.as_ref().map(open_pin).transpose()?;
        let limit = std::fs::read_to_string(SPIDEV_LIMIT).ok().and_then(|text| text.trim().parse().ok());
        let panel = start(settings, rotation, wires, limit.unwrap_or(SPIDEV_LIMIT_BYTES), &mut Delay)?;
        if let (Some(light), Some(pin)) = (&mut backlight, &settings.backlight_pin) {
            light.set_high().map_err(|e| ScreenError::Pin { pin: pin.clone(), problem: e.to_string() })?;
        }
        Ok(SpiScreen { device: settings.device.clone(), size: canvas_size(settings, rotation), panel, backlight })
    }
}

impl Screen for SpiScreen {
    fn size(&self) -> Option<Size> {
        Some(self.size)
    }

    fn present(&mut self, canvas: &Canvas) -> Result<(), ScreenError> {
        let sent = self.panel.send(canvas);
        sent.map_err(|problem| ScreenError::Panel { device: self.device.clone(), problem })
    }
}

impl Drop for SpiScreen {
    fn drop(&mut self) {
        if let Some(Err(e)) = self.backlight.as_mut().map(OutputPin::set_low) {
            log::warn!("the backlight stays on: {e}");
        }
    }
}

fn canvas_size(settings: &SpiPanel, rotation: Rotation) -> Size {
    rotation.turned(Size { width: settings.width.into(), height: settings.height.into() })
}

fn open_bus(settings: &SpiPanel) -> Result<SpidevDevice, ScreenError> {
    let path = &settings.device;
    let mut bus = Spidev::open(path).map_err(|e| ScreenError::opening(path, "spi", e))?;
    let mode = SpiModeFlags::from_bits_truncate(settings.mode.number().into());
    let options = SpidevOptions::new().bits_per_word(8).max_speed_hz(settings.clock_hz).mode(mode).build();
    let configured = bus.configure(&options);
    configured.map_err(|source| ScreenError::Device { path: path.clone(), task: "take its clock and mode", source })?;
    Ok(SpidevDevice(bus))
}

/// Takes a line as an output that is low.
fn open_pin(pin: &Pin) -> Result<CdevPin, ScreenError> {
    let open =
        || CdevPin::new(Chip::new(&pin.chip)?.get_line(pin.line)?.request(LineRequestFlags::OUTPUT, 0, "wingmark")?);
    open().map_err(|e| ScreenError::Pin { pin: pin.clone(), problem: e.to_string() })
}

/// What a panel's pixels and commands go through.
trait Bus: SpiDevice<Error: Display> + Send + 'static {}
impl<T: SpiDevice<Error: Display> + Send + 'static> Bus for T {}

/// An output of the board.
trait Line: OutputPin<Error: Display> + Send + 'static {}
impl<T: OutputPin<Error: Display> + Send + 'static> Line for T {}

/// How a panel is connected.
struct Wires<SPI, PIN> {
    bus: SPI,
    data: PIN,
    reset: Option<PIN>,
}

/// Resets the panel and makes it ready. It is sent at most `limit` bytes at once.
fn start(
    settings: &SpiPanel,
    rotation: Rotation,
    wires: Wires<impl Bus, impl Line>,
    limit: usize,
    delay: &mut impl DelayNs,
) -> Result<Box<dyn Panel>, ScreenError> {
    match settings.controller {
        Controller::Gc9a01 => start_model(GC9A01, settings, rotation, wires, limit, delay),
        Controller::Ili9341 => start_model(ILI9341Rgb565, settings, rotation, wires, limit, delay),
        Controller::St7735s => start_model(ST7735s, settings, rotation, wires, limit, delay),
        Controller::St7789 => start_model(ST7789, settings, rotation, wires, limit, delay),
        Controller::St7796 => start_model(ST7796, settings, rotation, wires, limit, delay),
    }
}

fn start_model<MODEL: Model<ColorFormat = Rgb565> + Send + 'static>(
    model: MODEL,
    settings: &SpiPanel,
    rotation: Rotation,
    wires: Wires<impl Bus, impl Line>,
    limit: usize,
    delay: &mut impl DelayNs,
) -> Result<Box<dyn Panel>, ScreenError> {
    // mipidsi borrows its buffer. A screen is opened once, and lives as long as the program.
    let buffer = Vec::leak(vec![0; limit]);
    let turn = match rotation {
        Rotation::Deg0 => Turn::Deg0,
        Rotation::Deg90 => Turn::Deg90,
        Rotation::Deg180 => Turn::Deg180,
        Rotation::Deg270 => Turn::Deg270,
    };
    let order = match settings.colour_order {
        ColourOrder::Rgb => ColorOrder::Rgb,
        ColourOrder::Bgr => ColorOrder::Bgr,
    };
    let inversion = if settings.inverted { ColorInversion::Inverted } else { ColorInversion::Normal };
    let builder = Builder::new(model, SpiInterface::new(wires.bus, wires.data, buffer))
        .display_size(settings.width, settings.height)
        .display_offset(settings.offset.0, settings.offset.1)
        .orientation(Orientation { rotation: turn, mirrored: settings.mirrored })
        .invert_colors(inversion)
        .color_order(order);
    Ok(match wires.reset {
        Some(pin) => {
            let builder = builder.reset_pin(pin);
            Box::new(builder.init(delay).map_err(|e| failed_start(e, settings, MODEL::FRAMEBUFFER_SIZE))?)
        }
        None => Box::new(builder.init(delay).map_err(|e| failed_start(e, settings, MODEL::FRAMEBUFFER_SIZE))?),
    })
}

/// `memory` is the size of the controller's.
fn failed_start<BUS: Display, DATA: Display, RESET: Display>(
    error: InitError<SpiError<BUS, DATA>, RESET>,
    settings: &SpiPanel,
    memory: (u16, u16),
) -> ScreenError {
    let SpiPanel { device, width, height, offset: (x, y), .. } = settings;
    match error {
        InitError::Interface(e) => ScreenError::Panel { device: device.clone(), problem: problem(e) },
        InitError::ResetPin(e) => ScreenError::Panel { device: device.clone(), problem: format!("its reset pin: {e}") },
        InitError::InvalidConfiguration(_) => ScreenError::Unsupported {
            path: device.clone(),
            found: format!("a panel of {width}x{height} at {x}, {y}"),
            expected: format!("one within the {}x{} of its controller", memory.0, memory.1),
        },
    }
}

fn problem<BUS: Display, DATA: Display>(error: SpiError<BUS, DATA>) -> String {
    match error {
        SpiError::Spi(e) => e.to_string(),
        SpiError::Dc(e) => format!("its data pin: {e}"),
    }
}

/// A started panel, whatever its controller.
trait Panel: Send {
    /// Sends a canvas of the panel's size; otherwise says what went wrong.
    fn send(&mut self, canvas: &Canvas) -> Result<(), String>;
}

impl<SPI, DATA, MODEL, RESET> Panel for mipidsi::Display<SpiInterface<'static, SPI, DATA>, MODEL, RESET>
where
    SPI: SpiDevice<Error: Display> + Send,
    DATA: OutputPin<Error: Display> + Send,
    MODEL: Model<ColorFormat = Rgb565> + Send,
    RESET: OutputPin + Send,
{
    fn send(&mut self, canvas: &Canvas) -> Result<(), String> {
        let Size { width, height } = canvas.size();
        let colours = canvas.rgb().chunks_exact(3).map(|pixel| Rgb888::new(pixel[0], pixel[1], pixel[2]).into());
        self.set_pixels(0, 0, width as u16 - 1, height as u16 - 1, colours).map_err(problem)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::{Arc, Mutex};

    use embedded_hal::spi::Operation;
    use embedded_hal::{digital, spi};
    use embedded_hal_mock::eh1::delay::NoopDelay;

    use super::super::settings::ScreenSettings;
    use super::*;

    /// What a logic analyser sees on the wires.
    #[derive(Debug, Clone, PartialEq, Eq)]
    enum Seen {
        Reset(bool),
        /// A command with what was sent as data after it.
        Command(u8, Vec<u8>),
    }

    #[derive(Default)]
    struct Record {
        data_line: bool,
        seen: Vec<Seen>,
        longest_transfer: usize,
    }

    #[derive(Clone, Default)]
    struct Analyser(Arc<Mutex<Record>>);

    impl Analyser {
        fn wires(&self) -> Wires<Analyser, Probe> {
            Wires { bus: self.clone(), data: Probe::Data(self.clone()), reset: Some(Probe::Reset(self.clone())) }
        }

        fn take(&self) -> Vec<Seen> {
            std::mem::take(&mut self.0.lock().unwrap().seen)
        }
    }

    impl spi::ErrorType for Analyser {
        type Error = Infallible;
    }

    impl SpiDevice for Analyser {
        fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), Infallible> {
            let mut record = self.0.lock().unwrap();
            for operation in operations {
                let Operation::Write(bytes) = operation else { panic!("a panel is only written to: {operation:?}") };
                record.longest_transfer = record.longest_transfer.max(bytes.len());
                match (record.data_line, record.seen.last_mut()) {
                    (false, _) => record.seen.extend(bytes.iter().map(|&code| Seen::Command(code, Vec::new()))),
                    (true, Some(Seen::Command(_, data))) => data.extend_from_slice(bytes),
                    (true, other) => panic!("data after {other:?}"),
                }
            }
            Ok(())
        }
    }

    enum Probe {
        Data(Analyser),
        Reset(Analyser),
    }

    impl Probe {
        fn set(&self, level: bool) {
            match self {
                Probe::Data(analyser) => analyser.0.lock().unwrap().data_line = level,
                Probe::Reset(analyser) => analyser.0.lock().unwrap().seen.push(Seen::Reset(level)),
            }
        }
    }

    impl digital::ErrorType for Probe {
        type Error = Infallible;
    }

    impl OutputPin for Probe {
        fn set_low(&mut self) -> Result<(), Infallible> {
            self.set(false);
            Ok(())
        }

        fn set_high(&mut self) -> Result<(), Infallible> {
            self.set(true);
            Ok(())
        }
    }

    fn settings(text: &str) -> SpiPanel {
        let pins = "device = '/dev/spidev0.0'\nclock_hz = 1\ndata_pin = 'gpiochip0:25'";
        let settings: ScreenSettings = toml::from_str(&format!("[spi]\n{pins}\n{text}")).unwrap();
        settings.spi.unwrap()
    }

    /// A canvas whose pixels differ (the first 65536 do), in colours that 5, 6 and 5 bits hold
    /// exactly.
    fn canvas(size: Size) -> Canvas {
        let mut canvas = Canvas::new(size);
        for (i, pixel) in canvas.rgb_mut().chunks_exact_mut(3).enumerate() {
            let (r, g, b) = (i % 32, i / 32 % 64, i / 2048 % 32);
            pixel.copy_from_slice(&[(r * 255 / 31) as u8, (g * 255 / 63) as u8, (b * 255 / 31) as u8]);
        }
        canvas
    }

    fn as_rgb565(pixel: &[u8]) -> u16 {
        let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(u16::from);
        (r >> 3) << 11 | (g >> 2) << 5 | b >> 3
    }

    #[test]
    fn an_st7789_is_started_and_sent_a_picture() {
        let analyser = Analyser::default();
        let panel = settings("controller = 'st7789'\nwidth = 240\nheight = 240\noffset = [0, 80]\ninverted = true");
        let mut started = start(&panel, Rotation::Deg0, analyser.wires(), 4096, &mut NoopDelay).unwrap();
        let command = |code, data: &[u8]| Seen::Command(code, data.to_vec());
        assert_eq!(
            analyser.take(),
            [
                Seen::Reset(false),
                Seen::Reset(true),
                command(0x11, &[]),     // out of sleep
                command(0x36, &[0x00]), // upright, RGB
                command(0x21, &[]),     // inverted
                command(0x3a, &[0x55]), // 16 bits a pixel
                command(0x13, &[]),     // normal mode
                command(0x29, &[]),     // on
            ]
        );
        let canvas = canvas(canvas_size(&panel, Rotation::Deg0));
        started.send(&canvas).unwrap();
        let pixels: Vec<u8> = canvas.rgb().chunks(3).flat_map(|pixel| as_rgb565(pixel).to_be_bytes()).collect();
        assert_eq!(
            analyser.take(),
            [
                command(0x2a, &[0, 0, 0, 239]), // columns 0 to 239
                command(0x2b, &[0, 80, 1, 63]), // rows 80 to 319
                command(0x2c, &pixels),
            ]
        );
        assert_eq!(analyser.0.lock().unwrap().longest_transfer, 4096);
    }

    /// A controller with its memory, read as the datasheets of ST7789 and ILI9341 say.
    struct PanelMemory {
        memory: Vec<u16>,
        size: (usize, usize),
        turned: u8,
    }

    impl PanelMemory {
        fn of(size: (usize, usize), seen: &[Seen]) -> Self {
            let mut controller = PanelMemory { memory: vec![0; size.0 * size.1], size, turned: 0 };
            let (mut columns, mut rows) = (0..=0, 0..=0);
            for seen in seen {
                let Seen::Command(code, data) = seen else { continue };
                let range = || {
                    let number = |i: usize| usize::from(u16::from_be_bytes([data[i], data[i + 1]]));
                    number(0)..=number(2)
                };
                match code {
                    0x36 => controller.turned = data[0],
                    0x2a => columns = range(),
                    0x2b => rows = range(),
                    0x2c => {
                        let places = rows.clone().flat_map(|row| columns.clone().map(move |column| (column, row)));
                        for ((column, row), pixel) in places.zip(data.chunks(2)) {
                            controller.write(column, row, u16::from_be_bytes([pixel[0], pixel[1]]));
                        }
                    }
                    _ => {}
                }
            }
            controller
        }

        fn has(&self, bit: u8) -> bool {
            self.turned & bit != 0
        }

        fn write(&mut self, column: usize, row: usize, pixel: u16) {
            let (x, y) = if self.has(0x20) { (row, column) } else { (column, row) };
            let x = if self.has(0x40) { self.size.0 - 1 - x } else { x };
            let y = if self.has(0x80) { self.size.1 - 1 - y } else { y };
            self.memory[y * self.size.0 + x] = pixel;
        }

        /// What is seen at a place of the panel.
        fn shown(&self, panel: &SpiPanel, x: u16, y: u16) -> u16 {
            let x = if panel.mirrored { panel.width - 1 - x } else { x };
            let (x, y) = (usize::from(panel.offset.0 + x), usize::from(panel.offset.1 + y));
            let pixel = self.memory[y * self.size.0 + x];
            let is_swapped = self.has(0x08) != (panel.colour_order == ColourOrder::Bgr);
            if is_swapped { pixel << 11 | pixel & 0x07e0 | pixel >> 11 } else { pixel }
        }
    }

    #[test]
    fn the_picture_stands_upright_on_any_panel() {
        use Rotation::*;
        for (text, memory) in [
            ("controller = 'ili9341'\nwidth = 240\nheight = 320\ncolour_order = 'bgr'", (240, 320)),
            ("controller = 'st7789'\nwidth = 135\nheight = 240\noffset = [52, 40]\ninverted = true", (240, 320)),
            ("controller = 'st7735s'\nwidth = 80\nheight = 160\noffset = [26, 1]\nmirrored = true", (132, 162)),
        ] {
            let panel = settings(text);
            for rotation in [Deg0, Deg90, Deg180, Deg270] {
                let analyser = Analyser::default();
                let mut started = start(&panel, rotation, analyser.wires(), 4096, &mut NoopDelay).unwrap();
                let canvas = canvas(canvas_size(&panel, rotation));
                started.send(&canvas).unwrap();
                let controller = PanelMemory::of(memory, &analyser.take());
                let Size { width, height } = canvas.size();
                for (i, pixel) in canvas.rgb().chunks(3).enumerate() {
                    let (x, y) = ((i as u32 % width) as u16, (i as u32 / width) as u16);
                    let (right, bottom) = (width as u16 - 1, height as u16 - 1);
                    // Turned clockwise.
                    let (x, y) = match rotation {
                        Deg0 => (x, y),
                        Deg90 => (bottom - y, x),
                        Deg180 => (right - x, bottom - y),
                        Deg270 => (y, right - x),
                    };
                    assert_eq!(controller.shown(&panel, x, y), as_rgb565(pixel), "{text} {rotation:?} {x} {y}");
                }
            }
        }
    }

    #[test]
    fn a_panel_larger_than_its_controllers_memory_is_refused() {
        let panel = settings("controller = 'st7789'\nwidth = 240\nheight = 240\noffset = [0, 81]");
        let Err(error) = start(&panel, Rotation::Deg0, Analyser::default().wires(), 64, &mut NoopDelay) else {
            panic!("started")
        };
        let expected =
            "/dev/spidev0.0 has a panel of 240x240 at 0, 81; expected one within the 240x320 of its controller";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn devices_that_are_not_there_are_named() {
        let mut panel = settings("controller = 'st7789'\nwidth = 240\nheight = 240");
        panel.device = "/nowhere/spidev0.0".into();
        let Err(error) = SpiScreen::open(&panel, Rotation::Deg0) else { panic!("opened") };
        assert!(error.to_string().starts_with("cannot open /nowhere/spidev0.0: "), "{error}");
        let pin = Pin { chip: "/nowhere/gpiochip0".into(), line: 7 };
        let Err(error) = open_pin(&pin) else { panic!("opened") };
        assert!(error.to_string().starts_with("cannot use line 7 of /nowhere/gpiochip0: "), "{error}");
    }
}
