/* Two readers of location databases, libmaxminddb and libloc, each loaded when it is first wanted: a host without them
 * runs the same programs. Addresses are the two halves of
 * their 128 bits, the upper first, IPv4 in its mapped form. */
#ifndef BREAKWATER_CLOCATION_H
#define BREAKWATER_CLOCATION_H

#include <stddef.h>
#include <stdint.h>

/* What a database says of an address. */
typedef struct {
    /* The length of the database's own network around the address; that of an IPv4 one is 96 to 128. */
    int bits;
    /* Two letters and a zero, or empty. */
    char country[3];
    /* 0 is none. */
    uint32_t asn;
    /* The AS's owner, not terminated and good until the database is closed; NULL where only bw_loc_owner tells. */
    const char *owner;
    size_t owner_size;
} bw_location;

/* A copy of the first `size` bytes of `fd` in memory, which nobody can change or cut any more: a new descriptor, or -1
 * with errno. Both libraries map their file, and a map of a file that somebody shortens ends the process. */
int bw_sealed_copy(int fd, size_t size);

typedef struct bw_mmdb bw_mmdb;

/* Loads libmaxminddb.so.0 once. NULL, or why it cannot be used; then no other bw_mmdb call may be made. */
const char *bw_mmdb_load(void);
/* 0, or a status for bw_mmdb_error. A file that opens may be broken all the same. */
int bw_mmdb_open(const char *path, bw_mmdb **database);
void bw_mmdb_close(bw_mmdb *database);
const char *bw_mmdb_error(int status);
/* "GeoLite2-ASN", as the file names what is in it. */
const char *bw_mmdb_type(const bw_mmdb *database);
/* When it was built, in seconds since 1970. */
uint64_t bw_mmdb_built(const bw_mmdb *database);
/* 1 found, 0 not in it, or a negative status: the file is broken. */
int bw_mmdb_look_up(const bw_mmdb *database, uint64_t high, uint64_t low, bw_location *result);
/* Calls `each` with every AS and owner in the file, as often as they stand there. 0, or a negative status. */
int bw_mmdb_owners(
    const bw_mmdb *database, void *context, void (*each)(void *context, uint32_t asn, const char *owner, size_t size));

typedef struct bw_loc bw_loc;

/* Loads libloc.so.1 once; as bw_mmdb_load. */
const char *bw_loc_load(void);
/* 0, or a negative errno. The descriptor stays the caller's. */
int bw_loc_open(int fd, bw_loc **database);
void bw_loc_close(bw_loc *database);
/* May be NULL. */
const char *bw_loc_vendor(bw_loc *database);
const char *bw_loc_licence(bw_loc *database);
int64_t bw_loc_built(bw_loc *database);
/* 1 found, 0 not in it, or a negative errno. */
int bw_loc_look_up(bw_loc *database, uint64_t high, uint64_t low, bw_location *result);
/* The length of an AS's name, of which at most `size` bytes are copied; 0 when it has none. */
size_t bw_loc_owner(bw_loc *database, uint32_t asn, char *name, size_t size);

#endif
