/* The journal's reader, libsystemd's sd-journal(3), loaded when it is first wanted: a host without systemd runs the
 * same programs. Each call below is the sd_journal_* call of its name; see its manual page for errors (a negative
 * errno) and for how long a result stays valid. */
#ifndef BREAKWATER_CJOURNAL_H
#define BREAKWATER_CJOURNAL_H

#include <stddef.h>
#include <stdint.h>

typedef struct sd_journal sd_journal;

/* Loads libsystemd.so.0 once. NULL, or why it cannot be used; then no other call may be made. */
const char *bw_journal_load(void);

/* sd_journal_open with SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM, or sd_journal_open_directory. */
int bw_journal_open(sd_journal **journal, const char *directory);
void bw_journal_close(sd_journal *journal);
/* 1 when there are journal files that can be read, persistent or not. */
int bw_journal_has_files(sd_journal *journal);

int bw_journal_fd(sd_journal *journal);
/* SD_JOURNAL_NOP 0, SD_JOURNAL_APPEND 1, SD_JOURNAL_INVALIDATE 2: files came or went. */
int bw_journal_process(sd_journal *journal);

int bw_journal_add_match(sd_journal *journal, const void *data, size_t size);
int bw_journal_add_disjunction(sd_journal *journal);
int bw_journal_set_data_threshold(sd_journal *journal, size_t bytes);

int bw_journal_seek_head(sd_journal *journal);
int bw_journal_seek_tail(sd_journal *journal);
int bw_journal_seek_cursor(sd_journal *journal, const char *cursor);
int bw_journal_seek_realtime(sd_journal *journal, uint64_t microseconds);
int bw_journal_next(sd_journal *journal);
int bw_journal_previous(sd_journal *journal);

int bw_journal_realtime(sd_journal *journal, uint64_t *microseconds);
/* `*data` is "FIELD=value". */
int bw_journal_get_data(sd_journal *journal, const char *field, const void **data, size_t *size);
/* `*cursor` is the caller's to free(3). */
int bw_journal_get_cursor(sd_journal *journal, char **cursor);
int bw_journal_test_cursor(sd_journal *journal, const char *cursor);

#endif
