/* A libnvidia-ml.so.1 for machines without a device: answers what the file PRETENDED_DEVICES says.
 *
 * Each line is a name and a number; the file is read again at every question, so that a test can
 * change a device while it is looked at. A name that is missing is 0. Names that begin with "no_"
 * make a question unsupported. The functions have the signatures of NVIDIA's nvml.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef int nvmlReturn_t;
typedef void *nvmlDevice_t;
typedef unsigned long long u64;

enum { OK = 0, NOT_SUPPORTED = 3, NO_PERMISSION = 4, NOT_FOUND = 6, TIMEOUT = 10, GPU_IS_LOST = 15 };
enum { SLICE = 1000, UNKNOWN_FUNCTION = 13 };

static double value(const char *name) {
    const char *path = getenv("PRETENDED_DEVICES");
    FILE *file = path ? fopen(path, "r") : NULL;
    char found[64];
    double number = 0, answer = 0;
    while (file && fscanf(file, "%63s %lf", found, &number) == 2)
        if (strcmp(found, name) == 0) answer = number;
    if (file) fclose(file);
    return answer;
}

static nvmlDevice_t handle(long number) { return (nvmlDevice_t)(number + 1); }
static int is_slice(nvmlDevice_t device) { return (long)device > SLICE; }
static nvmlReturn_t state(void) { return value("lost") ? GPU_IS_LOST : OK; }
static nvmlReturn_t unless(const char *missing) { return value(missing) ? NOT_SUPPORTED : state(); }
static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

nvmlReturn_t nvmlInitWithFlags(unsigned flags) { (void)flags; return (int)value("init_fails"); }
nvmlReturn_t nvmlShutdown(void) { return OK; }
const char *nvmlErrorString(nvmlReturn_t result) { return result == 9 ? "Driver Not Loaded" : "Error"; }
nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *count) { *count = value("count"); return state(); }
nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *device) {
    *device = handle(index);
    return state();
}
nvmlReturn_t nvmlSystemGetDriverVersion(char *text, unsigned length) {
    snprintf(text, length, "570.86.15");
    return OK;
}
nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *version) { *version = 12080; return OK; }
nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *text, unsigned length) {
    snprintf(text, length, is_slice(device) ? "Pretended A1 MIG 1g.5gb" : "Pretended A1");
    return state();
}
nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *text, unsigned length) {
    snprintf(text, length, "%s-%04ld", is_slice(device) ? "MIG" : "GPU", (long)device - 1);
    return state();
}
nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major, int *minor) {
    (void)device;
    *major = 8, *minor = 6;
    return OK;
}

struct memory { u64 total, free, used; };
struct memory_v2 { unsigned version; u64 total, reserved, free, used; };
nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, struct memory *memory) {
    (void)device;
    memory->total = 81920ULL << 20;
    memory->used = (u64)(value("used_mib") + value("reserved_mib")) << 20;
    memory->free = memory->total - memory->used;
    return unless("no_memory");
}
nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, struct memory_v2 *memory) {
    (void)device;
    memory->total = 81920ULL << 20;
    memory->reserved = (u64)value("reserved_mib") << 20;
    memory->used = (u64)value("used_mib") << 20;
    return value("no_memory_v2") ? NOT_SUPPORTED : unless("no_memory");
}

struct utilisation { unsigned gpu, memory; };
nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, struct utilisation *rates) {
    rates->gpu = value("percent"), rates->memory = 0;
    return is_slice(device) ? NOT_SUPPORTED : unless("no_utilisation");
}
nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned *milliwatts) {
    *milliwatts = value("watts") * 1000;
    return is_slice(device) ? NOT_SUPPORTED : unless("no_power");
}
nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, u64 *millijoules) {
    *millijoules = value("watts") * 1000 * seconds();
    return is_slice(device) ? NOT_SUPPORTED : unless("no_energy");
}
nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, int kind, unsigned *mhz) {
    (void)device, (void)kind;
    *mhz = value("clock_mhz");
    return unless("no_clock");
}
nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t device, int kind, unsigned *mhz) {
    (void)device, (void)kind;
    *mhz = 2000;
    return unless("no_clock");
}
nvmlReturn_t nvmlDeviceGetCurrentClocksEventReasons(nvmlDevice_t device, u64 *reasons) {
    (void)device;
    *reasons = value("reasons");
    return unless("no_reasons");
}

nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned *current, unsigned *pending) {
    (void)device;
    *current = *pending = value("slices") > 0;
    return unless("no_mig");
}
nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned *count) {
    (void)device;
    *count = 7;
    return OK;
}
nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned index, nvmlDevice_t *part) {
    *part = handle(SLICE + (long)device * 10 + index);
    return index < value("slices") ? OK : NOT_FOUND;
}
nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t device, unsigned *id) {
    *id = (long)device % 10;
    return OK;
}

nvmlReturn_t nvmlDeviceGetRemappedRows(nvmlDevice_t device, unsigned *corrected, unsigned *uncorrected,
                                       unsigned *pending, unsigned *failed) {
    (void)device;
    *corrected = *uncorrected = 0;
    *pending = value("rows_pending"), *failed = value("rows_failed");
    return unless("no_rows");
}
struct field {
    unsigned id, scope;
    long long timestamp, latency;
    int type, result;
    union { unsigned number; u64 large; double real; } value;
};
nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t device, int count, struct field *fields) {
    (void)device, (void)count;
    fields[0].result = fields[0].id == 230 ? OK : NOT_SUPPORTED;
    fields[0].value.number = value("recovery");
    return unless("no_fields");
}

struct event {
    nvmlDevice_t device;
    u64 type, data;
    unsigned gpu_instance, compute_instance;
};
nvmlReturn_t nvmlEventSetCreate(void **set) { *set = malloc(1); return OK; }
nvmlReturn_t nvmlEventSetFree(void *set) { free(set); return OK; }
nvmlReturn_t nvmlDeviceGetSupportedEventTypes(nvmlDevice_t device, u64 *types) {
    (void)device;
    *types = 0x1f;
    return OK;
}
nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t device, u64 types, void *set) {
    (void)device, (void)set;
    return value("no_events") ? NO_PERMISSION : types == 0xa ? OK : UNKNOWN_FUNCTION;
}
nvmlReturn_t nvmlEventSetWait_v2(void *set, struct event *event, unsigned milliseconds) {
    static double told;
    (void)set;
    for (unsigned waited = 0; waited < milliseconds; waited += 5, usleep(5000)) {
        double xid = value("xid");
        if (xid && xid != told) {
            told = xid;
            memset(event, 0, sizeof *event);
            event->type = 8, event->data = xid;
            event->gpu_instance = event->compute_instance = 0xffffffff;
            return OK;
        }
    }
    return TIMEOUT;
}
