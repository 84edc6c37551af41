//! What an instruction set can do at best: its multiplications on registers, without a load or a
//! store between them.

use std::arch::asm;
use std::time::Instant;

/// Multiply-accumulates a second of the kernels' instructions; `None` where nobody wrote the loop.
/// The best of many short runs, because others may use the machine too.
pub fn macs_a_second(kernel: &str) -> Option<f64> {
    let run: unsafe fn(u64) -> u64 = match kernel {
        #[cfg(target_arch = "x86_64")]
        "avx2" => avx2,
        #[cfg(target_arch = "x86_64")]
        "avx512vnni" => avx512vnni,
        #[cfg(target_arch = "aarch64")]
        "smull" => smull,
        #[cfg(target_arch = "aarch64")]
        "sdot" => sdot,
        _ => return None,
    };
    let rates = (0..200).map(|_| {
        let started = Instant::now();
        // SAFETY: the machine has the kernels of that name.
        let macs = unsafe { run(20_000) };
        macs as f64 / started.elapsed().as_secs_f64()
    });
    rates.reduce(f64::max)
}

/// Two `vpmaddubsw` added, then one `vpmaddwd`: 64 multiply-accumulates.
///
/// # Safety
/// The machine has AVX2.
#[cfg(target_arch = "x86_64")]
unsafe fn avx2(turns: u64) -> u64 {
    macro_rules! sum {
        ($sum:literal, $pairs:literal) => {
            concat!(
                "vpmaddubsw ymm",
                $pairs,
                ", ymm14, ymm15\n vpmaddubsw ymm12, ymm14, ymm15\n",
                "vpaddw ymm",
                $pairs,
                ", ymm",
                $pairs,
                ", ymm12\n vpmaddwd ymm",
                $pairs,
                ", ymm",
                $pairs,
                ", ymm13\n",
                "vpaddd ymm",
                $sum,
                ", ymm",
                $sum,
                ", ymm",
                $pairs,
                "\n"
            )
        };
    }
    // SAFETY: registers only; the caller has seen that the machine has AVX2.
    unsafe {
        asm!("2:", sum!(0, 6), sum!(1, 7), sum!(2, 8), sum!(3, 9), sum!(4, 10), sum!(5, 11), "dec {turns}", "jnz 2b",
             turns = inout(reg) turns => _,
             out("ymm0") _, out("ymm1") _, out("ymm2") _, out("ymm3") _, out("ymm4") _, out("ymm5") _, out("ymm6") _,
             out("ymm7") _, out("ymm8") _, out("ymm9") _, out("ymm10") _, out("ymm11") _, out("ymm12") _,
             out("ymm13") _, out("ymm14") _, out("ymm15") _, options(nomem, nostack));
    }
    turns * 6 * 64
}

/// `vpdpbusd` on 512 bits: 64 multiply-accumulates.
///
/// # Safety
/// The machine has AVX512-VNNI.
#[cfg(target_arch = "x86_64")]
unsafe fn avx512vnni(turns: u64) -> u64 {
    macro_rules! sum {
        ($($sum:literal)*) => { concat!($("vpdpbusd zmm", $sum, ", zmm14, zmm15\n"),*) };
    }
    // SAFETY: registers only; the caller has seen that the machine has AVX512-VNNI.
    unsafe {
        asm!("2:", sum!(0 1 2 3 4 5 6 7 8 9 10 11), "dec {turns}", "jnz 2b",
             turns = inout(reg) turns => _,
             out("zmm0") _, out("zmm1") _, out("zmm2") _, out("zmm3") _, out("zmm4") _, out("zmm5") _, out("zmm6") _,
             out("zmm7") _, out("zmm8") _, out("zmm9") _, out("zmm10") _, out("zmm11") _, options(nomem, nostack));
    }
    turns * 12 * 64
}

/// `smull`, `smlal2` and `sadalp`: 16 multiply-accumulates.
///
/// # Safety
/// None beyond the architecture: every AArch64 core has NEON.
#[cfg(target_arch = "aarch64")]
unsafe fn smull(turns: u64) -> u64 {
    macro_rules! sum {
        ($($sum:literal $pairs:literal)*) => { concat!($(
            "smull v", $pairs, ".8h, v30.8b, v31.8b\n smlal2 v", $pairs, ".8h, v30.16b, v31.16b\n",
            "sadalp v", $sum, ".4s, v", $pairs, ".8h\n"
        ),*) };
    }
    // SAFETY: registers only.
    unsafe {
        asm!("2:", sum!(0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23), "subs {turns}, {turns}, #1", "b.ne 2b",
             turns = inout(reg) turns => _,
             out("v0") _, out("v1") _, out("v2") _, out("v3") _, out("v4") _, out("v5") _, out("v6") _, out("v7") _,
             out("v16") _, out("v17") _, out("v18") _, out("v19") _, out("v20") _, out("v21") _, out("v22") _,
             out("v23") _, options(nomem, nostack));
    }
    turns * 8 * 16
}

/// `sdot`: 16 multiply-accumulates.
///
/// # Safety
/// The machine has the dot product.
#[cfg(target_arch = "aarch64")]
unsafe fn sdot(turns: u64) -> u64 {
    macro_rules! sum {
        ($($sum:literal)*) => { concat!($("sdot v", $sum, ".4s, v30.16b, v31.16b\n"),*) };
    }
    // SAFETY: registers only; the caller has seen that the machine has the dot product.
    unsafe {
        asm!(".arch_extension dotprod", "2:", sum!(0 1 2 3 4 5 6 7 16 17 18 19), "subs {turns}, {turns}, #1", "b.ne 2b",
             turns = inout(reg) turns => _,
             out("v0") _, out("v1") _, out("v2") _, out("v3") _, out("v4") _, out("v5") _, out("v6") _, out("v7") _,
             out("v16") _, out("v17") _, out("v18") _, out("v19") _, options(nomem, nostack));
    }
    turns * 12 * 16
}
