//! BT.601, limited range, to RGB in 16.16 fixed point.

/// Two neighbouring pixels: red, green, blue each.
pub type Pair = [[u8; 3]; 2];

/// What a step of luma adds to all three.
pub(super) const LUMA: i32 = 76_309;
pub(super) const RED_CR: i32 = 104_597;
pub(super) const GREEN_CB: i32 = -25_675;
pub(super) const GREEN_CR: i32 = -53_279;
pub(super) const BLUE_CB: i32 = 132_201;
/// Half of one.
pub(super) const HALF: i32 = 1 << 15;

/// Two pixels of one colour.
pub fn pair_from_yuv(luma: [u8; 2], cb: u8, cr: u8) -> Pair {
    let (cb, cr) = (i32::from(cb) - 128, i32::from(cr) - 128);
    let colour = [RED_CR * cr, GREEN_CB * cb + GREEN_CR * cr, BLUE_CB * cb];
    luma.map(|y| {
        let y = (i32::from(y) - 16) * LUMA + HALF;
        colour.map(|c| ((y + c) >> 16).clamp(0, 255) as u8)
    })
}

/// Each four bytes are luma, Cb, luma, Cr of two pixels.
///
/// # Panics
/// When there are not as many of one as of the other.
pub fn pairs_from_yuyv(yuyv: &[[u8; 4]], rgb: &mut [Pair]) {
    assert_eq!(yuyv.len(), rgb.len(), "pairs of YUYV and of RGB");
    #[cfg(target_arch = "aarch64")]
    if rgb.len() >= super::neon::PAIRS {
        // SAFETY: every AArch64 machine has NEON.
        return unsafe { super::neon::pairs_from_yuyv(yuyv, rgb) };
    }
    for (rgb, &[first, cb, second, cr]) in rgb.iter_mut().zip(yuyv) {
        *rgb = pair_from_yuv([first, second], cb, cr);
    }
}

/// A pair of lumas and Cb, Cr for each two pixels.
///
/// # Panics
/// When there are not as many of each.
pub fn pairs_from_nv12(luma: &[[u8; 2]], chroma: &[[u8; 2]], rgb: &mut [Pair]) {
    assert_eq!([luma.len(), chroma.len()], [rgb.len(); 2], "pairs of luma, of chroma and of RGB");
    #[cfg(target_arch = "aarch64")]
    if rgb.len() >= super::neon::PAIRS {
        // SAFETY: every AArch64 machine has NEON.
        return unsafe { super::neon::pairs_from_nv12(luma, chroma, rgb) };
    }
    for ((rgb, &luma), &[cb, cr]) in rgb.iter_mut().zip(luma).zip(chroma) {
        *rgb = pair_from_yuv(luma, cb, cr);
    }
}
