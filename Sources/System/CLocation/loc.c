/* libloc, by name; 0.9.16 has all of the calls. */
#define _GNU_SOURCE
#include "CLocation.h"

#include <dlfcn.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct loc_ctx;
struct loc_database;
struct loc_network;
struct loc_as;

static struct {
    int (*new)(struct loc_ctx **);
    struct loc_ctx *(*unref)(struct loc_ctx *);
    void (*set_log_fn)(struct loc_ctx *, void (*)(struct loc_ctx *, int, const char *, int, const char *, const char *, va_list));
    int (*database_new)(struct loc_ctx *, struct loc_database **, FILE *);
    struct loc_database *(*database_unref)(struct loc_database *);
    time_t (*database_created_at)(struct loc_database *);
    const char *(*database_get_vendor)(struct loc_database *);
    const char *(*database_get_license)(struct loc_database *);
    int (*database_lookup)(struct loc_database *, const struct in6_addr *, struct loc_network **);
    int (*database_get_as)(struct loc_database *, struct loc_as **, uint32_t);
    struct loc_network *(*network_unref)(struct loc_network *);
    int (*network_address_family)(struct loc_network *);
    unsigned int (*network_prefix)(struct loc_network *);
    const char *(*network_get_country_code)(struct loc_network *);
    uint32_t (*network_get_asn)(struct loc_network *);
    const char *(*as_get_name)(struct loc_as *);
    struct loc_as *(*as_unref)(struct loc_as *);
} calls;
static void *library;

struct bw_loc {
    struct loc_ctx *context;
    struct loc_database *database;
};

const char *bw_loc_load(void) {
    if (library) return NULL;
    void *opened = dlopen("libloc.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!opened) return dlerror();
#define FIND(name)                                                                       \
    if (!(*(void **)&calls.name = dlsym(opened, "loc_" #name))) goto missing
    FIND(new);
    FIND(unref);
    FIND(set_log_fn);
    FIND(database_new);
    FIND(database_unref);
    FIND(database_created_at);
    FIND(database_get_vendor);
    FIND(database_get_license);
    FIND(database_lookup);
    FIND(database_get_as);
    FIND(network_unref);
    FIND(network_address_family);
    FIND(network_prefix);
    FIND(network_get_country_code);
    FIND(network_get_asn);
    FIND(as_get_name);
    FIND(as_unref);
#undef FIND
    library = opened;
    return NULL;
missing:
    dlclose(opened);
    return "libloc.so.1 lacks a call of libloc 0.9.16";
}

/* What it has to say goes to standard error otherwise. */
static void say_nothing(
    struct loc_ctx *context, int priority, const char *file, int line, const char *function, const char *format,
    va_list arguments) {
    (void)context, (void)priority, (void)file, (void)line, (void)function, (void)format, (void)arguments;
}

int bw_loc_open(int fd, bw_loc **database) {
    int status = -ENOMEM;
    bw_loc *made = calloc(1, sizeof *made);
    if (!made) return status;
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    FILE *file = copy < 0 ? NULL : fdopen(copy, "r");
    if (!file) {
        status = -errno;
        if (copy >= 0) close(copy);
        free(made);
        return status;
    }
    rewind(file);
    errno = 0;
    if (calls.new(&made->context) == 0) {
        calls.set_log_fn(made->context, say_nothing);
        /* It returns 1 or a negative number as it likes. */
        if (calls.database_new(made->context, &made->database, file) == 0 && made->database) {
            status = 0;
        } else {
            status = errno ? -errno : -EINVAL;
            calls.unref(made->context);
        }
    }
    fclose(file);
    if (status) {
        free(made);
        return status;
    }
    *database = made;
    return 0;
}

void bw_loc_close(bw_loc *database) {
    calls.database_unref(database->database);
    calls.unref(database->context);
    free(database);
}

const char *bw_loc_vendor(bw_loc *database) { return calls.database_get_vendor(database->database); }

const char *bw_loc_licence(bw_loc *database) { return calls.database_get_license(database->database); }

int64_t bw_loc_built(bw_loc *database) { return calls.database_created_at(database->database); }

int bw_loc_look_up(bw_loc *database, uint64_t high, uint64_t low, bw_location *result) {
    struct in6_addr wanted;
    uint64_t halves[2] = {htobe64(high), htobe64(low)};
    memcpy(&wanted, halves, sizeof wanted);
    memset(result, 0, sizeof *result);
    struct loc_network *network = NULL;
    int status = calls.database_lookup(database->database, &wanted, &network);
    /* Not found is 1 and no network, not an error. */
    if (!network) return status < 0 ? status : 0;
    unsigned int length = calls.network_prefix(network);
    result->bits = (int)(calls.network_address_family(network) == AF_INET ? 96 + length : length);
    if (result->bits > 128) result->bits = 128;
    const char *country = calls.network_get_country_code(network);
    if (country && strlen(country) == 2) memcpy(result->country, country, 2);
    result->asn = calls.network_get_asn(network);
    calls.network_unref(network);
    return 1;
}

size_t bw_loc_owner(bw_loc *database, uint32_t asn, char *name, size_t size) {
    struct loc_as *as = NULL;
    /* Not to be asked for 0, which is none. */
    if (!asn || calls.database_get_as(database->database, &as, asn) != 0 || !as) return 0;
    const char *found = calls.as_get_name(as);
    size_t length = found ? strlen(found) : 0;
    memcpy(name, found ? found : "", length < size ? length : size);
    calls.as_unref(as);
    return length;
}
