// A V4L2 camera that is not there, for tests: a library to preload (LD_PRELOAD). README.md says how
// a camera is described.
//
// $FAKECAM is the folder that stands for /dev. Each file video* in it is a camera, and its text
// says what that camera is; a file that is removed is a camera that was unplugged. Paths
// /dev/video* and /dev/v4l/* lead there, and listing /dev does; /sys/class/video4linux leads to its
// folder class.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MOST_OFFERS = 8, MOST_CAMERAS = 16, MOST_BUFFERS = 8, MOST_PLANES = 3, PLANE_BYTES = 4 << 20 };

// One thing that the camera offers for its last `format`: a size, a range of sizes, an interval or
// a range of them.
typedef struct { int count; unsigned values[MOST_OFFERS][6]; } offers;
typedef struct { unsigned fourcc; offers sizes, ranges, intervals; int streamon_error; char frames[256]; } format;
typedef struct {
  char card[32], bus[32], stamps[16];
  unsigned capabilities, flags, set[3], interval[2], fields[2], makes_size[2];
  int planes, pitch, is_busy, is_endless, empty_every, same_number, has_no_rate, has_size;
  unsigned hangs_in;
  double rate;
  int formats;
  format format[MOST_OFFERS];
} description;

typedef struct {
  int is_used, fd, buffers, queued[MOST_BUFFERS], queue_length, is_streaming;
  char node[512];
  description camera;
  unsigned sequence, width, height;
  format *chosen;
  double next_at;
  char *memory;
} opened;

static opened cameras[MOST_CAMERAS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static int fail(int error) {
  errno = error;
  return -1;
}

// ---- Descriptions -------------------------------------------------------------------------------

static void add(offers *all, const char *text, const char *pattern) {
  if (all->count == MOST_OFFERS) return;
  unsigned *v = all->values[all->count++];
  sscanf(text, pattern, v, v + 1, v + 2, v + 3, v + 4, v + 5);
}

static unsigned code(const char *name) { return v4l2_fourcc(name[0], name[1], name[2], name[3]); }

static int describe(const char *node, description *c) {
  FILE *file = fopen(node, "r");
  if (!file) return 0;
  *c = (description){.card = "Fake", .bus = "usb-1", .stamps = "monotonic", .rate = 30, .pitch = -1,
                     .capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING};
  char line[512], key[32];
  format *f = NULL;
  while (fgets(line, sizeof line, file)) {
    int at = 0;
    if (sscanf(line, "%31s %n", key, &at) < 1 || key[0] == '#') continue;
    char *value = line + at;
    value[strcspn(value, "\n")] = 0;
#define IS(name) (!strcmp(key, name))
    if (IS("card")) snprintf(c->card, sizeof c->card, "%s", value);
    else if (IS("bus")) snprintf(c->bus, sizeof c->bus, "%s", value);
    else if (IS("capabilities")) c->capabilities = strtoul(value, NULL, 16);
    else if (IS("flags")) c->flags = strtoul(value, NULL, 16);
    else if (IS("stamps")) snprintf(c->stamps, sizeof c->stamps, "%s", value);
    else if (IS("planes")) c->planes = atoi(value);
    else if (IS("pitch")) c->pitch = atoi(value);
    else if (IS("rate")) c->rate = atof(value);
    else if (IS("set-up") && sscanf(value, "%ux%u", c->set, c->set + 1)) c->set[2] = code(strchr(value, ' ') + 1);
    else if (IS("makes-interval")) sscanf(value, "%u/%u", c->interval, c->interval + 1);
    else if (IS("makes-size")) c->has_size = sscanf(value, "%ux%u", c->makes_size, c->makes_size + 1);
    else if (IS("has-no-rate")) c->has_no_rate = 1;
    else if (IS("fields")) sscanf(value, "%u %u", c->fields, c->fields + 1);
    else if (IS("busy")) c->is_busy = 1;
    else if (IS("endless")) c->is_endless = 1;
    else if (IS("hangs")) c->hangs_in = strcmp(value, "opened") ? VIDIOC_S_FMT : VIDIOC_QUERYCAP;
    else if (IS("same-number")) c->same_number = 1;
    else if (IS("empty-every")) c->empty_every = atoi(value);
    else if (IS("format") && c->formats < MOST_OFFERS) { f = &c->format[c->formats++]; f->fourcc = code(value); }
    else if (f && IS("size")) add(&f->sizes, value, "%ux%u");
    else if (f && IS("sizes")) add(&f->ranges, value, "%u %u %u %u %u %u");
    else if (f && IS("interval")) add(&f->intervals, value, "%u/%u");
    else if (f && IS("streamon-error")) f->streamon_error = atoi(value);
    else if (f && IS("frames")) snprintf(f->frames, sizeof f->frames, "%s", value);
    else fprintf(stderr, "fakecam: %s: unknown line: %s\n", node, line);
  }
  fclose(file);
  if (c->planes) c->capabilities = V4L2_CAP_VIDEO_CAPTURE_MPLANE | V4L2_CAP_STREAMING;
  return 1;
}

// ---- Paths --------------------------------------------------------------------------------------

// Where a path leads that is below the folder for /dev; the path itself where it is not.
static const char *led(const char *path, char *buffer) {
  const char *folder = getenv("FAKECAM"), *class = "/sys/class/video4linux";
  if (!folder || !path) return path;
  if (!strncmp(path, class, strlen(class))) {
    snprintf(buffer, 512, "%s/class%s", folder, path + strlen(class));
    return buffer;
  }
  if (strcmp(path, "/dev") && strncmp(path, "/dev/video", 10) && strncmp(path, "/dev/v4l", 8)) return path;
  snprintf(buffer, 512, "%s%s", folder, path + 4);
  return buffer;
}

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static opened *of(int fd) {
  for (int i = 0; i < MOST_CAMERAS; i++)
    if (cameras[i].is_used && cameras[i].fd == fd) return &cameras[i];
  return NULL;
}

static int open_any(const char *path, int flags, mode_t mode) {
  char buffer[512], target[4096];
  const char *to = led(path, buffer);
  description camera;
  if (to == path || strncmp(path, "/dev/", 5) || !realpath(to, target) || !describe(target, &camera))
    // Another file, or a camera that is not there.
    return syscall(SYS_openat, AT_FDCWD, to, flags, mode);
  pthread_mutex_lock(&lock);
  opened *o = NULL;
  for (int i = 0; i < MOST_CAMERAS && !o; i++)
    if (!cameras[i].is_used) o = &cameras[i];
  if (!o) { pthread_mutex_unlock(&lock); return fail(EMFILE); }
  memset(o, 0, sizeof *o);
  o->is_used = 1;
  o->camera = camera;
  snprintf(o->node, sizeof o->node, "%s", target);
  o->fd = memfd_create("fakecam", 0);
  size_t size = (size_t)MOST_BUFFERS * MOST_PLANES * PLANE_BYTES;
  if (ftruncate(o->fd, size)) {}
  o->memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, o->fd, 0);
  pthread_mutex_unlock(&lock);
  return o->fd;
}

int open(const char *path, int flags, ...) {
  va_list more; va_start(more, flags); mode_t mode = va_arg(more, int); va_end(more);
  return open_any(path, flags, mode);
}
int open64(const char *path, int flags, ...) {
  va_list more; va_start(more, flags); mode_t mode = va_arg(more, int); va_end(more);
  return open_any(path, flags, mode);
}
int close(int fd) {
  pthread_mutex_lock(&lock);
  opened *o = of(fd);
  if (o) { munmap(o->memory, (size_t)MOST_BUFFERS * MOST_PLANES * PLANE_BYTES); o->is_used = 0; }
  pthread_mutex_unlock(&lock);
  int (*next)(int) = real("close");
  return next(fd);
}

// A camera's file is a character device.
int statx(int folder, const char *restrict path, int flags, unsigned mask, struct statx *restrict found) {
  char buffer[512];
  const char *to = led(path, buffer);
  long done = syscall(SYS_statx, folder, to, flags, mask, found);
  if (!done && to != path && S_ISREG(found->stx_mode)) found->stx_mode = S_IFCHR | 0660, found->stx_rdev_major = 81;
  return done;
}
int stat64(const char *restrict path, struct stat64 *restrict found) {
  char buffer[512];
  const char *to = led(path, buffer);
  int (*next)(const char *, struct stat64 *) = real("stat64");
  int done = next(to, found);
  if (!done && to != path && S_ISREG(found->st_mode)) found->st_mode = S_IFCHR | 0660, found->st_rdev = 81 << 8;
  return done;
}
DIR *opendir(const char *path) {
  char buffer[512];
  DIR *(*next)(const char *) = real("opendir");
  return next(led(path, buffer));
}
char *realpath(const char *restrict path, char *restrict resolved) {
  char buffer[512];
  const char *to = led(path, buffer), *folder = getenv("FAKECAM");
  char *(*next)(const char *, char *) = dlvsym(RTLD_NEXT, "realpath", "GLIBC_2.3");
  if (!next) next = real("realpath");
  char *found = next(to, resolved);
  size_t length = folder ? strlen(folder) : 0;
  if (found && to != path && !strncmp(found, folder, length)) {
    char back[4096];
    snprintf(back, sizeof back, "/dev%s", found + length);
    strcpy(found, back);
  }
  return found;
}

// ---- The driver ---------------------------------------------------------------------------------

static int is_gone(opened *o) { return access(o->node, F_OK) != 0; }

int poll(struct pollfd *p, nfds_t count, int wait_ms) {
  opened *o = count == 1 ? of(p->fd) : NULL;
  if (!o) { int (*next)(struct pollfd *, nfds_t, int) = real("poll"); return next(p, count, wait_ms); }
  for (double end = now() + wait_ms / 1000.0; now() < end; usleep(1000))
    if (is_gone(o) || (o->is_streaming && o->queue_length && o->chosen->frames[0] && now() >= o->next_at))
      return p->revents = POLLIN, 1;
  return 0;
}

static int enumerate(opened *o, offers *all, unsigned *index) {
  unsigned at = o->camera.is_endless && all->count ? 0 : *index;
  return at < (unsigned)all->count ? (int)at : -1;
}

static format *offered(opened *o, unsigned fourcc) {
  for (int i = 0; i < o->camera.formats; i++)
    if (o->camera.format[i].fourcc == fourcc) return &o->camera.format[i];
  return NULL;
}

static unsigned row_bytes(unsigned fourcc, unsigned width) {
  if (fourcc == V4L2_PIX_FMT_YUYV || fourcc == V4L2_PIX_FMT_UYVY) return 2 * width;
  if (fourcc == V4L2_PIX_FMT_RGB24 || fourcc == V4L2_PIX_FMT_BGR24) return 3 * width;
  return fourcc == V4L2_PIX_FMT_MJPEG ? 0 : width;
}

// How long a plane of a frame is, where planes lie apart.
static size_t plane_bytes(opened *o, int plane) {
  size_t luma = (size_t)o->width * o->height;
  if (o->chosen->fourcc == V4L2_PIX_FMT_NV12M) return plane ? luma / 2 : luma;
  if (o->chosen->fourcc == V4L2_PIX_FMT_YUV420M) return plane ? luma / 4 : luma;
  return PLANE_BYTES;
}

static int set_format(opened *o, struct v4l2_format *f) {
  description *c = &o->camera;
  if (c->is_busy) return fail(EBUSY);
  unsigned fourcc = c->planes ? f->fmt.pix_mp.pixelformat : f->fmt.pix.pixelformat;
  o->chosen = offered(o, fourcc) ? offered(o, fourcc) : &c->format[0];
  unsigned pitch = c->pitch >= 0 ? (unsigned)c->pitch : row_bytes(o->chosen->fourcc, f->fmt.pix.width);
  // Both structures begin with width, height and code.
  if (c->has_size) f->fmt.pix.width = c->makes_size[0], f->fmt.pix.height = c->makes_size[1];
  o->width = f->fmt.pix.width;
  o->height = f->fmt.pix.height;
  f->fmt.pix.pixelformat = o->chosen->fourcc;
  // So do they as to fields.
  if (c->fields[0]) f->fmt.pix.field = c->fields[f->fmt.pix.field != V4L2_FIELD_NONE];
  if (!c->planes) return f->fmt.pix.bytesperline = pitch, f->fmt.pix.sizeimage = PLANE_BYTES, 0;
  f->fmt.pix_mp.num_planes = c->planes;
  for (int i = 0; i < c->planes; i++) {
    int is_half = i && o->chosen->fourcc == V4L2_PIX_FMT_YUV420M;
    f->fmt.pix_mp.plane_fmt[i].bytesperline = is_half ? pitch / 2 : pitch;
    f->fmt.pix_mp.plane_fmt[i].sizeimage = PLANE_BYTES;
  }
  return 0;
}

static void stamp(opened *o, struct v4l2_buffer *b) {
  const char *kind = o->camera.stamps;
  struct timespec t;
  clock_gettime(strcmp(kind, "wall") ? CLOCK_MONOTONIC : CLOCK_REALTIME, &t);
  b->timestamp = (struct timeval){t.tv_sec, t.tv_nsec / 1000};
  b->flags = o->camera.flags | V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
  if (!strcmp(kind, "zero")) b->timestamp = (struct timeval){0, 0};
  if (!strcmp(kind, "same")) b->timestamp = (struct timeval){1000, 0};
  if (!strcmp(kind, "back")) b->timestamp = (struct timeval){1000000 - o->sequence, 0};
  if (!strcmp(kind, "none")) b->flags = o->camera.flags;
}

static int take(opened *o, struct v4l2_buffer *b) {
  if (is_gone(o)) return fail(ENODEV);
  if (!o->is_streaming || !o->queue_length || !o->chosen->frames[0] || now() < o->next_at) return fail(EAGAIN);
  int index = o->queued[0];
  memmove(o->queued, o->queued + 1, --o->queue_length * sizeof(int));
  // A file is every frame; of a folder, the files 0, 1 .. are one after the other.
  char path[512];
  struct stat about;
  snprintf(path, sizeof path, "%s", o->chosen->frames);
  if (!stat(path, &about) && S_ISDIR(about.st_mode)) {
    snprintf(path, sizeof path, "%s/%u", o->chosen->frames, o->sequence);
    if (access(path, F_OK)) snprintf(path, sizeof path, "%s/0", o->chosen->frames);
  }
  FILE *file = fopen(path, "rb");
  int planes = o->camera.planes ? o->camera.planes : 1;
  for (int i = 0; i < planes; i++) {
    size_t most = planes > 1 ? plane_bytes(o, i) : PLANE_BYTES;
    size_t got = file ? fread(o->memory + (size_t)(index * MOST_PLANES + i) * PLANE_BYTES, 1, most, file) : 0;
    if (o->camera.empty_every && o->sequence % o->camera.empty_every == 0) got = 0;
    if (o->camera.planes) b->m.planes[i].bytesused = got, b->m.planes[i].data_offset = 0;
    else b->bytesused = got;
  }
  if (file) fclose(file);
  b->index = index;
  b->sequence = o->camera.same_number ? 0 : o->sequence;
  stamp(o, b);
  o->sequence++;
  o->next_at += 1 / o->camera.rate;
  if (o->next_at < now() - 1) o->next_at = now();
  return 0;
}

static int answer(opened *o, unsigned request, void *argument) {
  description *c = &o->camera;
  unsigned type = c->planes ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE : V4L2_BUF_TYPE_VIDEO_CAPTURE;
  int at;
  switch (request) {
  case (unsigned)VIDIOC_QUERYCAP: {
    struct v4l2_capability *q = argument;
    *q = (struct v4l2_capability){.driver = "uvcvideo", .device_caps = c->capabilities,
                                  .capabilities = c->capabilities | V4L2_CAP_DEVICE_CAPS};
    memcpy(q->card, c->card, sizeof q->card);
    memcpy(q->bus_info, c->bus, sizeof q->bus_info);
    return 0;
  }
  case (unsigned)VIDIOC_ENUM_FMT: {
    struct v4l2_fmtdesc *f = argument;
    unsigned i = c->is_endless ? 0 : f->index;
    if (f->type != type || i >= (unsigned)c->formats) return fail(EINVAL);
    return f->pixelformat = c->format[i].fourcc, 0;
  }
  case (unsigned)VIDIOC_ENUM_FRAMESIZES: {
    struct v4l2_frmsizeenum *s = argument;
    format *f = offered(o, s->pixel_format);
    if (f && (at = enumerate(o, &f->sizes, &s->index)) >= 0) {
      s->type = V4L2_FRMSIZE_TYPE_DISCRETE;
      return memcpy(&s->discrete, f->sizes.values[at], sizeof s->discrete), 0;
    }
    if (!f || (at = enumerate(o, &f->ranges, &s->index)) < 0) return fail(EINVAL);
    unsigned *v = f->ranges.values[at];
    s->type = V4L2_FRMSIZE_TYPE_STEPWISE;
    s->stepwise = (struct v4l2_frmsize_stepwise){v[0], v[1], v[4], v[2], v[3], v[5]};
    return 0;
  }
  case (unsigned)VIDIOC_ENUM_FRAMEINTERVALS: {
    struct v4l2_frmivalenum *s = argument;
    format *f = offered(o, s->pixel_format);
    if (!f || (at = enumerate(o, &f->intervals, &s->index)) < 0) return fail(EINVAL);
    s->type = V4L2_FRMIVAL_TYPE_DISCRETE;
    return memcpy(&s->discrete, f->intervals.values[at], sizeof s->discrete), 0;
  }
  case (unsigned)VIDIOC_S_FMT: return set_format(o, argument);
  case (unsigned)VIDIOC_G_FMT: {
    struct v4l2_format *f = argument;
    if (!c->set[0]) return fail(EINVAL);
    // Both structures begin with width, height and code.
    return memcpy(&f->fmt.pix, c->set, sizeof c->set), 0;
  }
  case (unsigned)VIDIOC_S_PARM: {
    struct v4l2_fract *f = &((struct v4l2_streamparm *)argument)->parm.capture.timeperframe;
    if (c->has_no_rate) return fail(ENOTTY);
    if (c->interval[1]) *f = (struct v4l2_fract){c->interval[0], c->interval[1]};
    return 0;
  }
  case (unsigned)VIDIOC_REQBUFS: {
    struct v4l2_requestbuffers *r = argument;
    if (r->count > MOST_BUFFERS) r->count = MOST_BUFFERS;
    return o->buffers = r->count, o->queue_length = 0, 0;
  }
  case (unsigned)VIDIOC_QUERYBUF: {
    struct v4l2_buffer *b = argument;
    if (b->index >= (unsigned)o->buffers) return fail(EINVAL);
    unsigned offset = b->index * MOST_PLANES * PLANE_BYTES;
    if (!c->planes) return b->length = PLANE_BYTES, b->m.offset = offset, 0;
    b->length = c->planes;
    for (int i = 0; i < c->planes; i++) {
      b->m.planes[i].length = PLANE_BYTES;
      b->m.planes[i].m.mem_offset = offset + i * PLANE_BYTES;
    }
    return 0;
  }
  case (unsigned)VIDIOC_QBUF: {
    struct v4l2_buffer *b = argument;
    if (b->index >= (unsigned)o->buffers || o->queue_length == MOST_BUFFERS) return fail(EINVAL);
    return o->queued[o->queue_length++] = b->index, 0;
  }
  case (unsigned)VIDIOC_DQBUF: return take(o, argument);
  case (unsigned)VIDIOC_STREAMON:
    if (c->set[0] && (o->width != c->set[0] || o->height != c->set[1] || o->chosen->fourcc != c->set[2])) return fail(EPIPE);
    if (o->chosen->streamon_error) return fail(o->chosen->streamon_error);
    return o->is_streaming = 1, o->next_at = now(), 0;
  case (unsigned)VIDIOC_STREAMOFF: return o->is_streaming = 0, o->queue_length = 0, 0;
  }
  return fail(ENOTTY);
}

// Crate v4l calls the driver by syscall().
long syscall(long number, ...) {
  va_list more;
  va_start(more, number);
  long a[6];
  for (int i = 0; i < 6; i++) a[i] = va_arg(more, long);
  va_end(more);
  opened *o = number == SYS_ioctl ? of((int)a[0]) : NULL;
  if (o) {
    if (o->camera.hangs_in && (unsigned)a[1] == o->camera.hangs_in) sleep(60);
    pthread_mutex_lock(&lock);
    int done = answer(o, (unsigned)a[1], (void *)a[2]);
    pthread_mutex_unlock(&lock);
    return done;
  }
  long (*next)(long, ...) = real("syscall");
  return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
