// Loaded into processes under test by LD_PRELOAD: a log that syncs slowly or not at all, a store on a full disk, a
// clock that steps. A file shared with the test, named by ROOKERY_FAULTS, says what is wrong at the moment.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

struct faults {
    int64_t clock_seconds;     // added to the time of day
    int64_t sync_milliseconds; // how long a sync of the log takes
    int64_t sync_fails;        // whether it fails
    int64_t store_full;        // whether the store can make no file
    int64_t free_megabytes;    // what a file system says that it has left; 0 for the truth
    int64_t unreadable_node;   // the number of the node whose log cannot be read
};

static volatile struct faults none;

static volatile struct faults *current(void) {
    static volatile struct faults *shared;
    if (shared) return shared;
    const char *path = getenv("ROOKERY_FAULTS");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, sizeof(struct faults), PROT_READ, MAP_SHARED, file, 0);
    if (file >= 0) close(file);
    shared = mapped == MAP_FAILED ? &none : mapped;
    return shared;
}

static int is_in(int file, const char *directory) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, directory) != NULL;
}

static int is_log(int file) { return is_in(file, "/log/"); }

#define READ(name)                                                                                                     \
    ssize_t name(int file, void *buffer, size_t size, off_t offset) {                                                  \
        static ssize_t (*next)(int, void *, size_t, off_t);                                                            \
        if (!next) next = dlsym(RTLD_NEXT, #name);                                                                     \
        char directory[32];                                                                                            \
        int64_t node = current()->unreadable_node;                                                                     \
        snprintf(directory, sizeof directory, "/node%lld/log/", (long long)node);                                      \
        if (node && is_in(file, directory)) {                                                                          \
            errno = EIO;                                                                                               \
            return -1;                                                                                                 \
        }                                                                                                              \
        return next(file, buffer, size, offset);                                                                       \
    }

READ(pread)
READ(pread64)

int fdatasync(int file) {
    static int (*next)(int);
    if (!next) next = dlsym(RTLD_NEXT, "fdatasync");
    volatile struct faults *faults = current();
    if ((faults->sync_milliseconds || faults->sync_fails) && is_log(file)) {
        usleep(faults->sync_milliseconds * 1000);
        if (faults->sync_fails) {
            errno = EIO;
            return -1;
        }
    }
    return next(file);
}

static int is_refused(const char *path, int flags) {
    size_t length = strlen(path);
    return (flags & O_CREAT) && length > 4 && !strcmp(path + length - 4, ".sst") && current()->store_full;
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        static int (*next)(const char *, int, ...);                                                                    \
        if (!next) next = dlsym(RTLD_NEXT, #name);                                                                     \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                                        \
        va_end(rest);                                                                                                  \
        if (is_refused(path, flags)) {                                                                                 \
            errno = ENOSPC;                                                                                            \
            return -1;                                                                                                 \
        }                                                                                                              \
        return next(path, flags, mode);                                                                                \
    }

OPEN(open)
OPEN(open64)

int statvfs(const char *path, struct statvfs *information) {
    static int (*next)(const char *, struct statvfs *);
    if (!next) next = dlsym(RTLD_NEXT, "statvfs");
    int result = next(path, information);
    int64_t free = current()->free_megabytes << 20;
    if (!result && free && information->f_frsize) information->f_bavail = free / information->f_frsize;
    return result;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*next)(clockid_t, struct timespec *);
    if (!next) next = dlsym(RTLD_NEXT, "clock_gettime");
    int result = next(clock, time);
    if (!result && clock == CLOCK_REALTIME) time->tv_sec += current()->clock_seconds;
    return result;
}
