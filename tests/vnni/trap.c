// The few instructions of the VNNI kernels that a processor with AVX2 lacks, carried out by a
// handler of SIGILL. Preloaded by tests/vnni/run. Registers 0 to 15 keep their lower 256 bits where
// the processor has them; the rest is kept here, a thread. An instruction, a form of it or a mask
// that is not below ends the program as without this file.

#define _GNU_SOURCE
#include <cpuid.h>
#include <immintrin.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

typedef union {
    uint8_t u8[64];
    int8_t s8[64];
    int32_t s32[16];
    __m256i halves[2];
    __m256 floats[2];
} Vector;

// What was written last. Of registers 0 to 15 the processor has the lower 256 bits, which it may
// have written since.
static __thread Vector ours[32];
static uint32_t upper_ymm_at;

// The state that the processor saved for the handler and takes back after it.
typedef struct {
    greg_t *general;
    struct _libc_fpstate *vectors;
    uint8_t *upper_ymm;
} State;

static State state_of(ucontext_t *context) {
    uint8_t *area = (uint8_t *)context->uc_mcontext.fpregs;
    uint64_t *present = (uint64_t *)(area + 512);
    uint8_t *upper = area + upper_ymm_at;
    if (!(*present & 4)) memset(upper, 0, 256);
    *present |= 6;
    return (State){context->uc_mcontext.gregs, context->uc_mcontext.fpregs, upper};
}

static Vector read_vector(const State *state, int number) {
    if (number >= 16) return ours[number];
    Vector value;
    memcpy(value.u8, &state->vectors->_xmm[number], 16);
    memcpy(value.u8 + 16, state->upper_ymm + 16 * number, 16);
    // Its own instructions clear the upper half.
    int same = !memcmp(value.u8, ours[number].u8, 32);
    memset(value.u8 + 32, 0, 32);
    if (same) memcpy(value.u8 + 32, ours[number].u8 + 32, 32);
    return value;
}

static void write_vector(const State *state, int number, const Vector *value) {
    ours[number] = *value;
    if (number >= 16) return;
    memcpy(&state->vectors->_xmm[number], value->u8, 16);
    memcpy(state->upper_ymm + 16 * number, value->u8 + 16, 16);
}

static greg_t general(const State *state, int number) {
    static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                  REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    return state->general[order[number]];
}

// Maps and opcodes, with prefix 66 where none is named.
enum {
    VCVTDQ2PS_OR_VCVTPS2DQ = 0x15b, // without prefix, with 66
    VMULPS = 0x159, VMINPS = 0x15d, VMAXPS = 0x15f, // without prefix
    VPADDD = 0x1fe, VPMINSD = 0x239, VPMAXSD = 0x23d,
    VFMADD132PS = 0x298, VFMADD213PS = 0x2a8, VFMADD231PS = 0x2b8,
    VPMOVUSDB = 0x211,            // with F3
    VPMOVZXBD_OR_VPMOVDB = 0x231, // with 66, with F3
    VPDPBUSD = 0x250, VBROADCASTSS = 0x218, VPBROADCASTD = 0x258, VPBROADCASTD_GENERAL = 0x27c,
};
enum { NO_PREFIX, P66, F3 };

// An instruction with a VEX or EVEX prefix; prefix bits as in Intel's manual, volume 2, 2.3 and
// 2.7.
typedef struct {
    int map, prefix, wide, opcode;
    int bytes;             // of the vectors
    int evex, broadcast;
    int reg, second, base; // base: the register that ModRM.rm names
    uint8_t *memory;       // or null, where that is a register
} Instruction;

// Places a memory operand of an instruction without an immediate byte; scale is what a displacement
// of one byte is multiplied by.
static const uint8_t *place(const State *state, Instruction *found, const uint8_t *at, int modrm, int index_bit, int scale) {
    int mode = modrm >> 6, low = modrm & 7;
    int relative = low == 5 && mode == 0;
    greg_t address = relative ? (greg_t)at + 4 : 0;
    int has_base = !relative;
    if (low == 4) {
        int sib = *at++;
        int index = ((sib >> 3) & 7) | index_bit;
        if (index != 4) address += general(state, index) << (sib >> 6);
        found->base = (found->base & ~7) | (sib & 7);
        has_base = !((sib & 7) == 5 && mode == 0);
    }
    if (has_base) address += general(state, found->base & 15);
    if (mode == 1) {
        address += (int8_t)*at++ * scale;
    } else if (mode == 2 || !has_base) {
        int32_t displacement;
        memcpy(&displacement, at, 4);
        at += 4;
        address += displacement;
    }
    found->memory = (uint8_t *)address;
    return at;
}

// Gives the place after the operands, or null for what is no such instruction.
static const uint8_t *decode(const State *state, const uint8_t *at, Instruction *found) {
    int index_bit, base_bit, high_base;
    *found = (Instruction){0};
    if (*at == 0x62) {
        int p0 = at[1], p1 = at[2], p2 = at[3];
        // No mask, no zeroing.
        if (p2 & 0x87) return NULL;
        found->evex = 1;
        found->map = p0 & 7;
        found->prefix = p1 & 3;
        found->wide = p1 >> 7;
        found->bytes = 16 << ((p2 >> 5) & 3);
        found->broadcast = (p2 >> 4) & 1;
        found->second = (~(p1 >> 3) & 15) | (p2 & 8 ? 0 : 16);
        found->reg = (p0 & 0x80 ? 0 : 8) | (p0 & 0x10 ? 0 : 16);
        index_bit = p0 & 0x40 ? 0 : 8;
        base_bit = p0 & 0x20 ? 0 : 8;
        high_base = p0 & 0x40 ? 0 : 16;
        at += 4;
    } else if (*at == 0xc4) {
        int p1 = at[1], p2 = at[2];
        found->map = p1 & 31;
        found->prefix = p2 & 3;
        found->wide = p2 >> 7;
        found->bytes = p2 & 4 ? 32 : 16;
        found->second = ~(p2 >> 3) & 15;
        found->reg = p1 & 0x80 ? 0 : 8;
        index_bit = p1 & 0x40 ? 0 : 8;
        base_bit = p1 & 0x20 ? 0 : 8;
        high_base = 0;
        at += 3;
    } else {
        return NULL;
    }
    found->opcode = *at++;
    int modrm = *at++;
    found->reg |= (modrm >> 3) & 7;
    found->base = (modrm & 7) | base_bit;
    if (modrm >> 6 == 3) {
        found->base |= high_base;
    } else {
        int opcode = found->map << 8 | found->opcode;
        int element = found->broadcast || opcode == VPBROADCASTD || opcode == VBROADCASTSS               ? 4
                      : opcode == VPMOVZXBD_OR_VPMOVDB || (opcode == VPMOVUSDB && found->prefix == F3) ? 16
                                                                                                       : found->bytes;
        at = place(state, found, at, modrm, index_bit, found->evex ? element : 1);
    }
    return at;
}

static Vector operand(const State *state, const Instruction *found) {
    if (!found->memory) return read_vector(state, found->base);
    Vector value = {0};
    if (found->broadcast) {
        for (int i = 0; i < 16; i++) memcpy(&value.s32[i], found->memory, 4);
    } else {
        memcpy(value.u8, found->memory, found->bytes);
    }
    return value;
}

// One half at a time by the processor's own instruction. Gives 0 for what is not here.
static int compute(int opcode, int prefix, const Vector *old, const Vector *first, const Vector *second, Vector *value) {
    for (int i = 0; i < 2; i++) {
        __m256 a = first->floats[i], b = second->floats[i], c = old->floats[i];
        if (prefix == NO_PREFIX) switch (opcode) {
            case VCVTDQ2PS_OR_VCVTPS2DQ: value->floats[i] = _mm256_cvtepi32_ps(second->halves[i]); break;
            case VMULPS: value->floats[i] = _mm256_mul_ps(a, b); break;
            case VMINPS: value->floats[i] = _mm256_min_ps(a, b); break;
            case VMAXPS: value->floats[i] = _mm256_max_ps(a, b); break;
            default: return 0;
        } else if (prefix == P66) switch (opcode) {
            case VCVTDQ2PS_OR_VCVTPS2DQ: value->halves[i] = _mm256_cvtps_epi32(b); break;
            case VPADDD: value->halves[i] = _mm256_add_epi32(first->halves[i], second->halves[i]); break;
            case VPMINSD: value->halves[i] = _mm256_min_epi32(first->halves[i], second->halves[i]); break;
            case VPMAXSD: value->halves[i] = _mm256_max_epi32(first->halves[i], second->halves[i]); break;
            case VFMADD132PS: value->floats[i] = _mm256_fmadd_ps(c, b, a); break;
            case VFMADD213PS: value->floats[i] = _mm256_fmadd_ps(a, c, b); break;
            case VFMADD231PS: value->floats[i] = _mm256_fmadd_ps(a, b, c); break;
            default: return 0;
        } else return 0;
    }
    return 1;
}

// To a register, or as many bytes to memory.
static void put(const State *state, const Instruction *found, const Vector *value, int bytes) {
    if (found->memory) memcpy(found->memory, value->u8, bytes);
    else write_vector(state, found->base, value);
}

// Gives 0 for an instruction that is not here.
static int carry_out(const State *state, const Instruction *found) {
    int opcode = found->map << 8 | found->opcode, prefix = found->prefix;
    Vector value = {0}, old = read_vector(state, found->reg);
    if (opcode == VPDPBUSD && prefix == P66 && !found->wide) {
        Vector bytes = read_vector(state, found->second), weights = operand(state, found);
        for (int i = 0; i < found->bytes / 4; i++) {
            int32_t products = 0;
            for (int j = 4 * i; j < 4 * i + 4; j++) products += bytes.u8[j] * weights.s8[j];
            value.s32[i] = (int32_t)((uint32_t)old.s32[i] + (uint32_t)products);
        }
        write_vector(state, found->reg, &value);
        return 1;
    }
    if (!found->evex || found->bytes != 64) return 0;
    // vmovups, vmovaps, vmovdqa64, vmovdqu64 and their like; without masks they are all one.
    if (opcode == 0x110 || opcode == 0x128 || opcode == 0x16f) {
        value = operand(state, found);
        write_vector(state, found->reg, &value);
        return 1;
    }
    if (opcode == 0x111 || opcode == 0x129 || opcode == 0x17f) {
        put(state, found, &old, 64);
        return 1;
    }
    if (found->wide) return 0;
    if ((opcode == VPBROADCASTD || opcode == VBROADCASTSS || opcode == VPBROADCASTD_GENERAL) && prefix == P66) {
        int32_t element;
        if (opcode == VPBROADCASTD_GENERAL) element = (int32_t)general(state, found->base & 15);
        else if (found->memory) memcpy(&element, found->memory, 4);
        else element = read_vector(state, found->base).s32[0];
        for (int i = 0; i < 16; i++) value.s32[i] = element;
    } else if (opcode == VPMOVZXBD_OR_VPMOVDB && prefix == P66) {
        Vector bytes;
        if (found->memory) memcpy(bytes.u8, found->memory, 16);
        else bytes = read_vector(state, found->base);
        for (int i = 0; i < 16; i++) value.s32[i] = bytes.u8[i];
    } else if ((opcode == VPMOVUSDB || opcode == VPMOVZXBD_OR_VPMOVDB) && prefix == F3) {
        for (int i = 0; i < 16; i++) {
            uint32_t whole = (uint32_t)old.s32[i];
            value.u8[i] = (uint8_t)(opcode == VPMOVUSDB && whole > 255 ? 255 : whole);
        }
        put(state, found, &value, 16);
        return 1;
    } else {
        // A register as operand and the bit of broadcasts mean another way of rounding.
        if (found->broadcast && !found->memory) return 0;
        Vector first = read_vector(state, found->second), second = operand(state, found);
        if (!compute(opcode, prefix, &old, &first, &second, &value)) return 0;
    }
    write_vector(state, found->reg, &value);
    return 1;
}

static unsigned long long trapped;

static void on_illegal(int signal_number, siginfo_t *information, void *context_pointer) {
    (void)information;
    ucontext_t *context = context_pointer;
    State state = state_of(context);
    const uint8_t *at = (const uint8_t *)context->uc_mcontext.gregs[REG_RIP];
    Instruction found;
    const uint8_t *next = decode(&state, at, &found);
    if (!next || !carry_out(&state, &found)) {
        char line[80] = "tests/vnni/trap.c lacks the instruction";
        for (int i = 0; i < 11; i++) sprintf(line + strlen(line), " %02x", at[i]);
        strcat(line, "\n");
        (void)!write(2, line, strlen(line));
        signal(signal_number, SIG_DFL);
        return;
    }
    __atomic_fetch_add(&trapped, 1, __ATOMIC_RELAXED);
    context->uc_mcontext.gregs[REG_RIP] = (greg_t)next;
}

__attribute__((constructor)) static void install(void) {
    uint32_t a, b, c, d;
    __cpuid_count(13, 2, a, b, c, d);
    upper_ymm_at = b;
    struct sigaction action = {.sa_sigaction = on_illegal, .sa_flags = SA_SIGINFO};
    sigaction(SIGILL, &action, NULL);
}

__attribute__((destructor)) static void report(void) {
    if (trapped) fprintf(stderr, "%llu instructions were trapped\n", trapped);
}
