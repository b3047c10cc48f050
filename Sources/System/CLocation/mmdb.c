/* libmaxminddb, by name. What its structures look like is fixed for libmaxminddb.so.0 (maxminddb.h: none may grow
 * without another soname); declared here as far as they are looked into, so that the build needs no header of it. */
#define _GNU_SOURCE
#include "CLocation.h"

#include <dlfcn.h>
#include <endian.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

enum { MODE_MMAP = 1 };
enum { OUT_OF_MEMORY_ERROR = 5, LOOKUP_PATH_DOES_NOT_MATCH_DATA = 9, IPV6_LOOKUP_IN_IPV4_DATABASE = 11 };
enum { TYPE_UTF8_STRING = 2, TYPE_UINT32 = 6 };
enum { RECORD_DATA = 2 };

typedef struct {
    uint32_t flags;
    const char *filename;
    ssize_t file_size;
    const uint8_t *file_content, *data_section;
    uint32_t data_section_size;
    const uint8_t *metadata_section;
    uint32_t metadata_section_size;
    uint16_t full_record_byte_size, depth;
    struct {
        uint16_t netmask;
        uint32_t node_value;
    } ipv4_start_node;
    struct {
        uint32_t node_count;
        uint16_t record_size, ip_version;
        const char *database_type;
        struct {
            size_t count;
            const char **names;
        } languages;
        uint16_t major_version, minor_version;
        uint64_t build_epoch;
        struct {
            size_t count;
            void *descriptions;
        } description;
    } metadata;
} MMDB_s;

typedef struct {
    const MMDB_s *mmdb;
    uint32_t offset;
} MMDB_entry_s;

typedef struct {
    bool found_entry;
    MMDB_entry_s entry;
    uint16_t netmask;
} MMDB_lookup_result_s;

typedef struct {
    bool has_data;
    union {
        const char *utf8_string;
        uint32_t uint32;
#ifdef __SIZEOF_INT128__
        unsigned __int128 uint128;
#else
        uint8_t uint128[16];
#endif
    };
    uint32_t offset, offset_to_next, data_size, type;
} MMDB_entry_data_s;

typedef struct {
    uint64_t left_record, right_record;
    uint8_t left_record_type, right_record_type;
    MMDB_entry_s left_record_entry, right_record_entry;
} MMDB_search_node_s;

static struct {
    int (*open)(const char *, uint32_t, MMDB_s *);
    void (*close)(MMDB_s *);
    const char *(*strerror)(int);
    MMDB_lookup_result_s (*lookup_sockaddr)(const MMDB_s *, const struct sockaddr *, int *);
    int (*aget_value)(MMDB_entry_s *, MMDB_entry_data_s *, const char *const *);
    int (*read_node)(const MMDB_s *, uint32_t, MMDB_search_node_s *);
} calls;
static void *library;

struct bw_mmdb {
    MMDB_s handle;
};

const char *bw_mmdb_load(void) {
    if (library) return NULL;
    void *opened = dlopen("libmaxminddb.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!opened) return dlerror();
#define FIND(name)                                                                       \
    if (!(*(void **)&calls.name = dlsym(opened, "MMDB_" #name))) goto missing
    FIND(open);
    FIND(close);
    FIND(strerror);
    FIND(lookup_sockaddr);
    FIND(aget_value);
    FIND(read_node);
#undef FIND
    library = opened;
    return NULL;
missing:
    dlclose(opened);
    return "libmaxminddb.so.0 lacks a call of its documented interface";
}

int bw_mmdb_open(const char *path, bw_mmdb **database) {
    bw_mmdb *made = calloc(1, sizeof *made);
    if (!made) return OUT_OF_MEMORY_ERROR;
    int status = calls.open(path, MODE_MMAP, &made->handle);
    if (status) {
        free(made);
        return status;
    }
    *database = made;
    return 0;
}

void bw_mmdb_close(bw_mmdb *database) {
    calls.close(&database->handle);
    free(database);
}

const char *bw_mmdb_error(int status) { return calls.strerror(status < 0 ? -status : status); }

const char *bw_mmdb_type(const bw_mmdb *database) { return database->handle.metadata.database_type; }

uint64_t bw_mmdb_built(const bw_mmdb *database) { return database->handle.metadata.build_epoch; }

/* The value at `path` if it has that type; 1 yes, 0 no, or a negative status. */
static int value(MMDB_entry_s *entry, uint32_t type, MMDB_entry_data_s *data, const char *const *path) {
    int status = calls.aget_value(entry, data, path);
    if (status == LOOKUP_PATH_DOES_NOT_MATCH_DATA) return 0;
    if (status) return -status;
    return data->has_data && data->type == type;
}

static int either(
    MMDB_entry_s *entry, uint32_t type, MMDB_entry_data_s *data, const char *const *path, const char *const *other) {
    int found = value(entry, type, data, path);
    return found ? found : value(entry, type, data, other);
}

/* Country and City files have the one, ASN and ISP files the other, Enterprise files the third. */
static const char *const country_path[] = {"country", "iso_code", NULL};
static const char *const asn_path[] = {"autonomous_system_number", NULL};
static const char *const asn_trait[] = {"traits", "autonomous_system_number", NULL};
static const char *const owner_path[] = {"autonomous_system_organization", NULL};
static const char *const owner_trait[] = {"traits", "autonomous_system_organization", NULL};

static int read_as(MMDB_entry_s *entry, bw_location *result) {
    MMDB_entry_data_s data;
    int found = either(entry, TYPE_UINT32, &data, asn_path, asn_trait);
    if (found <= 0) return found;
    result->asn = data.uint32;
    found = either(entry, TYPE_UTF8_STRING, &data, owner_path, owner_trait);
    if (found <= 0) return found;
    result->owner = data.utf8_string;
    result->owner_size = data.data_size;
    return 1;
}

int bw_mmdb_look_up(const bw_mmdb *database, uint64_t high, uint64_t low, bw_location *result) {
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    bool is_v4 = high == 0 && low >> 32 == 0xffff;
    uint64_t halves[2] = {htobe64(high), htobe64(low)};
    v4.sin_addr.s_addr = htobe32((uint32_t)low);
    memcpy(&v6.sin6_addr, halves, sizeof halves);
    memset(result, 0, sizeof *result);
    int error = 0;
    MMDB_lookup_result_s found = calls.lookup_sockaddr(
        &database->handle, is_v4 ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6, &error);
    if (error == IPV6_LOOKUP_IN_IPV4_DATABASE) return 0;
    if (error) return -error;
    if (!found.found_entry) return 0;
    /* A tree of both families counts an IPv4 network from ::/96, one of IPv4 alone from its own first bit. */
    int bits = is_v4 && database->handle.metadata.ip_version == 4 ? 96 + found.netmask : found.netmask;
    result->bits = is_v4 && bits < 96 ? 96 : bits > 128 ? 128 : bits;
    MMDB_entry_data_s data;
    int status = value(&found.entry, TYPE_UTF8_STRING, &data, country_path);
    if (status < 0) return status;
    if (status && data.data_size == 2) memcpy(result->country, data.utf8_string, 2);
    status = read_as(&found.entry, result);
    return status < 0 ? status : 1;
}

int bw_mmdb_owners(
    const bw_mmdb *database, void *context,
    void (*each)(void *context, uint32_t asn, const char *owner, size_t size)) {
    /* Node by node, not down the tree: a broken one may have circles. */
    for (uint32_t number = 0; number < database->handle.metadata.node_count; number++) {
        MMDB_search_node_s node;
        int status = calls.read_node(&database->handle, number, &node);
        if (status) return -status;
        for (int side = 0; side < 2; side++) {
            uint8_t type = side ? node.right_record_type : node.left_record_type;
            if (type != RECORD_DATA) continue;
            bw_location found = {0};
            int result = read_as(side ? &node.right_record_entry : &node.left_record_entry, &found);
            if (result < 0) return result;
            if (result && found.asn) each(context, found.asn, found.owner, found.owner_size);
        }
    }
    return 0;
}
