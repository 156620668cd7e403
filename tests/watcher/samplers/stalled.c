/* Preloaded: a file system that never answers for paths that end in "stalled". */
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int stalled(const char *path) {
    size_t length = strlen(path);
    while (length >= 7 && strcmp(path + length - 7, "stalled") == 0 && access(path, F_OK) == 0) pause();
    return 0;
}

__attribute__((visibility("default"))) int statvfs(const char *path, struct statvfs *room) {
    memset(room, 0, sizeof *room);
    room->f_frsize = 4096;
    room->f_blocks = 1000;
    room->f_bavail = 250;
    room->f_files = 50;
    room->f_favail = 20;
    return stalled(path);
}

__attribute__((visibility("default"))) int statvfs64(const char *path, struct statvfs *room) { return statvfs(path, room); }
