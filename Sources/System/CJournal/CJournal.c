/* Looks the calls up by name; systemd 230 has all of them. */
#include "CJournal.h"

#include <dlfcn.h>

enum { LOCAL_ONLY = 1 << 0, SYSTEM = 1 << 2 }; /* systemd/sd-journal.h */

static struct {
    int (*open)(sd_journal **, int);
    int (*open_directory)(sd_journal **, const char *, int);
    void (*close)(sd_journal *);
    int (*has_persistent_files)(sd_journal *);
    int (*has_runtime_files)(sd_journal *);
    int (*get_fd)(sd_journal *);
    int (*process)(sd_journal *);
    int (*add_match)(sd_journal *, const void *, size_t);
    int (*add_disjunction)(sd_journal *);
    int (*set_data_threshold)(sd_journal *, size_t);
    int (*seek_head)(sd_journal *);
    int (*seek_tail)(sd_journal *);
    int (*seek_cursor)(sd_journal *, const char *);
    int (*seek_realtime_usec)(sd_journal *, uint64_t);
    int (*next)(sd_journal *);
    int (*previous)(sd_journal *);
    int (*get_realtime_usec)(sd_journal *, uint64_t *);
    int (*get_data)(sd_journal *, const char *, const void **, size_t *);
    int (*get_cursor)(sd_journal *, char **);
    int (*test_cursor)(sd_journal *, const char *);
} calls;
static void *library;

const char *bw_journal_load(void) {
    if (library) return NULL;
    void *opened = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!opened) return dlerror();
#define FIND(name)                                                                       \
    if (!(*(void **)&calls.name = dlsym(opened, "sd_journal_" #name))) goto missing
    FIND(open);
    FIND(open_directory);
    FIND(close);
    FIND(has_persistent_files);
    FIND(has_runtime_files);
    FIND(get_fd);
    FIND(process);
    FIND(add_match);
    FIND(add_disjunction);
    FIND(set_data_threshold);
    FIND(seek_head);
    FIND(seek_tail);
    FIND(seek_cursor);
    FIND(seek_realtime_usec);
    FIND(next);
    FIND(previous);
    FIND(get_realtime_usec);
    FIND(get_data);
    FIND(get_cursor);
    FIND(test_cursor);
#undef FIND
    library = opened;
    return NULL;
missing:
    dlclose(opened);
    return "libsystemd.so.0 is older than systemd 230";
}

int bw_journal_open(sd_journal **journal, const char *directory) {
    return directory ? calls.open_directory(journal, directory, 0) : calls.open(journal, LOCAL_ONLY | SYSTEM);
}

void bw_journal_close(sd_journal *journal) { calls.close(journal); }

int bw_journal_has_files(sd_journal *journal) {
    return calls.has_persistent_files(journal) > 0 || calls.has_runtime_files(journal) > 0;
}

int bw_journal_fd(sd_journal *journal) { return calls.get_fd(journal); }

int bw_journal_process(sd_journal *journal) { return calls.process(journal); }

int bw_journal_add_match(sd_journal *journal, const void *data, size_t size) {
    return calls.add_match(journal, data, size);
}

int bw_journal_add_disjunction(sd_journal *journal) { return calls.add_disjunction(journal); }

int bw_journal_set_data_threshold(sd_journal *journal, size_t bytes) {
    return calls.set_data_threshold(journal, bytes);
}

int bw_journal_seek_head(sd_journal *journal) { return calls.seek_head(journal); }

int bw_journal_seek_tail(sd_journal *journal) { return calls.seek_tail(journal); }

int bw_journal_seek_cursor(sd_journal *journal, const char *cursor) { return calls.seek_cursor(journal, cursor); }

int bw_journal_seek_realtime(sd_journal *journal, uint64_t microseconds) {
    return calls.seek_realtime_usec(journal, microseconds);
}

int bw_journal_next(sd_journal *journal) { return calls.next(journal); }

int bw_journal_previous(sd_journal *journal) { return calls.previous(journal); }

int bw_journal_realtime(sd_journal *journal, uint64_t *microseconds) {
    return calls.get_realtime_usec(journal, microseconds);
}

int bw_journal_get_data(sd_journal *journal, const char *field, const void **data, size_t *size) {
    return calls.get_data(journal, field, data, size);
}

int bw_journal_get_cursor(sd_journal *journal, char **cursor) { return calls.get_cursor(journal, cursor); }

int bw_journal_test_cursor(sd_journal *journal, const char *cursor) { return calls.test_cursor(journal, cursor); }
