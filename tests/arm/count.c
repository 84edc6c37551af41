// Counts the instructions that a program executes under qemu-user, and writes how many they were
// each time the program asks for its parent's process (getppid): since it asked for that the last
// time, or for its own (getpid). Nothing on the way of a frame asks for either. For programs of one
// thread.
//
//   gcc -O2 -shared -fPIC -o count.so count.c
//   qemu-aarch64 -plugin ./count.so -d plugin -D counts PROGRAM
//   qemu-aarch64 -plugin ./count.so,blocks=on -d plugin -D counts PROGRAM
//
// With blocks=on it writes instead, at the end, how often each block of instructions ran in the
// last part: address in memory, instructions, times. benches/mca.py reads that.
//
// Debian 12 ships qemu 7.2 without its header, so what is needed of plugin interface 1 is declared
// here.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VISIBLE __attribute__((visibility("default")))
/* On arm64. */
#define GETPID 172
#define GETPPID 173

typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info qemu_info_t;
struct qemu_plugin_tb;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
typedef void (*translated_callback)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*syscall_callback)(qemu_plugin_id_t, unsigned vcpu, int64_t number, uint64_t, uint64_t, uint64_t, uint64_t,
                                 uint64_t, uint64_t, uint64_t, uint64_t);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, translated_callback);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, enum qemu_plugin_op, void *, uint64_t);
void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t, syscall_callback);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);
void qemu_plugin_outs(const char *);

VISIBLE int qemu_plugin_version = 1;

/* Now, and when the part began. */
static uint64_t executed, before;

/* A block, how often it ran so far, before the part, and in the last part. */
struct block {
    uint64_t address, instructions, times, before, last;
    struct block *next;
};
static struct block *blocks;
static int wants_blocks;

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline(block, QEMU_PLUGIN_INLINE_ADD_U64, &executed, qemu_plugin_tb_n_insns(block));
    if (wants_blocks) {
        struct block *new = calloc(1, sizeof *new);

        new->address = qemu_plugin_tb_vaddr(block);
        new->instructions = qemu_plugin_tb_n_insns(block);
        new->next = blocks;
        blocks = new;
        qemu_plugin_register_vcpu_tb_exec_inline(block, QEMU_PLUGIN_INLINE_ADD_U64, &new->times, 1);
    }
}

static void called(qemu_plugin_id_t id, unsigned vcpu, int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                   uint64_t e, uint64_t f, uint64_t g, uint64_t h)
{
    char line[32];

    (void)id, (void)vcpu, (void)a, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
    if (number != GETPID && number != GETPPID)
        return;
    for (struct block *block = blocks; block; block = block->next) {
        if (number == GETPPID)
            block->last = block->times - block->before;
        block->before = block->times;
    }
    if (number == GETPPID && !wants_blocks) {
        snprintf(line, sizeof line, "%" PRIu64 "\n", executed - before);
        qemu_plugin_outs(line);
    }
    before = executed;
}

static void ended(qemu_plugin_id_t id, void *data)
{
    char line[80];

    (void)id, (void)data;
    for (struct block *block = blocks; block; block = block->next) {
        if (!block->last)
            continue;
        snprintf(line, sizeof line, "%" PRIx64 " %" PRIu64 " %" PRIu64 "\n", block->address, block->instructions, block->last);
        qemu_plugin_outs(line);
    }
}

VISIBLE int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    wants_blocks = argc > 0 && !strcmp(argv[0], "blocks=on");
    if (wants_blocks)
        qemu_plugin_register_atexit_cb(id, ended, NULL);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_vcpu_syscall_cb(id, called);
    return 0;
}
