// The few instructions of the VNNI kernels that a processor with AVX2 lacks, carried out by a handler of SIGILL. Preloaded by
// tests/vnni/run. Registers 0 to 15 keep their lower 256 bits where the processor has them; the rest is kept here, a thread. An
// instruction, a form of it or a mask that is not below ends the program as without this file.

#define _GNU_SOURCE
#include <cpuid.h>
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
} Vector;

// Of registers 0 to 15 the upper 256 bits, of 16 to 31 all.
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
    memcpy(value.u8 + 32, ours[number].u8 + 32, 32);
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

// An instruction with a VEX or EVEX prefix; prefix bits as in Intel's manual, volume 2, 2.3 and 2.7.
typedef struct {
    int map, prefix, wide, opcode;
    int bytes;             // of the vectors
    int evex, broadcast;
    int reg, second, base; // base: the register that ModRM.rm names
    uint8_t *memory;       // or null, where that is a register
} Instruction;

// Places a memory operand; scale is what a displacement of one byte is multiplied by. Null for one relative to the instruction.
static const uint8_t *place(const State *state, Instruction *found, const uint8_t *at, int modrm, int index_bit, int scale) {
    int mode = modrm >> 6, low = modrm & 7;
    if (low == 5 && mode == 0) return NULL;
    greg_t address = 0;
    int has_base = 1;
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
        int element = found->broadcast || (found->map == 2 && found->opcode == 0x58) ? 4
                      : found->map == 3                                              ? 32
                                                                                     : found->bytes;
        at = place(state, found, at, modrm, index_bit, found->evex ? element : 1);
        if (!at) return NULL;
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

// `next` is what follows the operands: the immediate byte where there is one. Gives the place of the next instruction, or null for one
// that is not here.
static const uint8_t *carry_out(const State *state, const Instruction *found, const uint8_t *next) {
    int map = found->map, prefix = found->prefix, opcode = found->opcode;
    Vector value = {0};
    if (map == 2 && prefix == 1 && !found->wide && opcode == 0x50) { // vpdpbusd
        Vector sums = read_vector(state, found->reg), bytes = read_vector(state, found->second);
        Vector weights = operand(state, found);
        for (int i = 0; i < found->bytes / 4; i++) {
            int32_t products = 0;
            for (int j = 4 * i; j < 4 * i + 4; j++) products += bytes.u8[j] * weights.s8[j];
            value.s32[i] = (int32_t)((uint32_t)sums.s32[i] + (uint32_t)products);
        }
        write_vector(state, found->reg, &value);
        return next;
    }
    if (!found->evex || found->bytes != 64) return NULL;
    // vmovups, vmovaps, vmovdqa64, vmovdqu64 and their like; without masks they are all one.
    int loads = opcode == 0x10 || opcode == 0x28 || opcode == 0x6f, stores = opcode == 0x11 || opcode == 0x29 || opcode == 0x7f;
    if (map == 1 && (loads || stores)) {
        if (loads) {
            value = operand(state, found);
            write_vector(state, found->reg, &value);
        } else {
            value = read_vector(state, found->reg);
            if (found->memory) memcpy(found->memory, value.u8, 64);
            else write_vector(state, found->base, &value);
        }
        return next;
    }
    if (map == 2 && prefix == 1 && !found->wide && (opcode == 0x58 || opcode == 0x7c)) { // vpbroadcastd
        int32_t element;
        if (opcode == 0x7c) element = (int32_t)general(state, found->base & 15);
        else if (found->memory) memcpy(&element, found->memory, 4);
        else element = read_vector(state, found->base).s32[0];
        for (int i = 0; i < 16; i++) value.s32[i] = element;
        write_vector(state, found->reg, &value);
        return next;
    }
    if (map == 3 && prefix == 1 && found->wide && (opcode == 0x3b || opcode == 0x1b)) { // vextracti64x4, vextractf64x4
        Vector whole = read_vector(state, found->reg);
        memcpy(value.u8, whole.u8 + 32 * (*next & 1), 32);
        if (found->memory) memcpy(found->memory, value.u8, 32);
        else write_vector(state, found->base, &value);
        return next + 1;
    }
    return NULL;
}

static unsigned long long trapped;

static void on_illegal(int signal_number, siginfo_t *information, void *context_pointer) {
    (void)information;
    ucontext_t *context = context_pointer;
    State state = state_of(context);
    const uint8_t *at = (const uint8_t *)context->uc_mcontext.gregs[REG_RIP];
    Instruction found;
    const uint8_t *next = decode(&state, at, &found);
    next = next ? carry_out(&state, &found, next) : NULL;
    if (!next) {
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
