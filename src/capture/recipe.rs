//! The command that has ffmpeg make video of what is not read by itself.

/// The whole command; `input` is as a shell takes it, `--live` may follow.
pub fn by_ffmpeg(input: &str) -> String {
    format!("ffmpeg -v error -i {input} -pix_fmt yuv420p -f yuv4mpegpipe - | wingmark run --source -")
}
