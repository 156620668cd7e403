/* A stand-in for the NVIDIA driver's library, told what to say by a scenario file.
 *
 * The file is named by $FAKE_NVML; it is read again whenever it changes, so a
 * test may append lines. A line is SCOPE NAME VALUE; the last one that fits
 * counts. SCOPE is a GPU's index, a slice's (0:1), "all" or "lib". NAME is a
 * property below, or "!function" with a return code, "hang" or "segv" as VALUE.
 * "N xid CODE" and "N double_bit 1" each raise one event when they appear.
 *
 * Built with -DOLD_DRIVER it lacks what newer drivers added.
 * Names and layouts are those of NVML's binary interface.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifdef WITH_NVML_H /* to let the compiler compare every prototype with the vendor's */
#define NVML_NO_UNVERSIONED_FUNC_DEFS
#include <nvml.h>
#else
typedef int nvmlReturn_t;
typedef struct nvmlDevice_st *nvmlDevice_t;
typedef struct nvmlEventSet_st *nvmlEventSet_t;
typedef struct nvmlGpmSample_st *nvmlGpmSample_t;
typedef unsigned int nvmlClockType_t, nvmlTemperatureSensors_t, nvmlTemperatureThresholds_t;
typedef unsigned int nvmlMemoryErrorType_t, nvmlEccCounterType_t, nvmlEnableState_t, nvmlNvLinkErrorCounter_t;
typedef struct { unsigned int gpu, memory; } nvmlUtilization_t;
typedef struct { unsigned long long total, free, used; } nvmlMemory_t;
typedef struct { unsigned int version; unsigned long long total, reserved, free, used; } nvmlMemory_v2_t;
typedef struct { unsigned int version, sensorType; int temperature; } nvmlTemperature_v1_t;
typedef nvmlTemperature_v1_t nvmlTemperature_t;
typedef struct { unsigned int version; int marginTemperature; } nvmlMarginTemperature_t;
typedef struct {
    char busIdLegacy[16];
    unsigned int domain, bus, device, pciDeviceId, pciSubSystemId;
    char busId[32];
} nvmlPciInfo_t;
typedef struct {
    unsigned int pid;
    unsigned long long usedGpuMemory;
    unsigned int gpuInstanceId, computeInstanceId;
} nvmlProcessInfo_t;
typedef nvmlProcessInfo_t nvmlProcessInfo_v2_t;
typedef union { double dVal; int siVal; unsigned int uiVal; unsigned long ulVal; unsigned long long ullVal; long long sllVal; } nvmlValue_t;
typedef struct {
    unsigned int fieldId, scopeId;
    long long timestamp, latencyUsec;
    unsigned int valueType;
    nvmlReturn_t nvmlReturn;
    nvmlValue_t value;
} nvmlFieldValue_t;
typedef struct {
    nvmlDevice_t device;
    unsigned long long eventType, eventData;
    unsigned int gpuInstanceId, computeInstanceId;
} nvmlEventData_t;
typedef struct { unsigned int version, isSupportedDevice; } nvmlGpmSupport_t;
typedef struct {
    unsigned int metricId;
    nvmlReturn_t nvmlReturn;
    double value;
    struct { char *shortName, *longName, *unit; } metricInfo;
} nvmlGpmMetric_t;
typedef struct {
    unsigned int version, numMetrics;
    nvmlGpmSample_t sample1, sample2;
    nvmlGpmMetric_t metrics[1];
} nvmlGpmMetricsGet_t;
#endif

enum { SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7, TIMED_OUT = 10, VERSION_MISMATCH = 25 };
enum { XID_EVENT = 8, DOUBLE_BIT_EVENT = 2 };
enum { MAX_GPUS = 64, MAX_SLICES = 8, MAX_LINES = 2048 };
#define API __attribute__((visibility("default")))

struct nvmlDevice_st { int gpu, slice; char scope[16]; };
struct nvmlEventSet_st { int registered[MAX_GPUS]; int taken; };
struct nvmlGpmSample_st { int filled; };
struct line { char scope[16], name[64], value[64]; };

static struct nvmlDevice_st gpus[MAX_GPUS];
static struct line lines[MAX_LINES];
static int line_count;
static struct timespec read_at;
static off_t read_size = -1;

static void load(void) {
    const char *path = getenv("FAKE_NVML");
    struct stat now;
    if (path == NULL || stat(path, &now) != 0) return;
    if (now.st_size == read_size && now.st_mtim.tv_sec == read_at.tv_sec && now.st_mtim.tv_nsec == read_at.tv_nsec) return;
    FILE *file = fopen(path, "r");
    if (file == NULL) return;
    char text[256];
    line_count = 0;
    while (line_count < MAX_LINES && fgets(text, sizeof text, file) != NULL) {
        struct line *at = &lines[line_count];
        if (sscanf(text, "%15s %63s %63[^\n]", at->scope, at->name, at->value) == 3 && at->scope[0] != '#') line_count++;
    }
    fclose(file);
    read_size = now.st_size;
    read_at = now.st_mtim;
}

static const char *find(const char *scope, const char *name) {
    for (int i = line_count - 1; i >= 0; i--)
        if (strcmp(lines[i].name, name) == 0 && (strcmp(lines[i].scope, scope) == 0 || (strcmp(lines[i].scope, "all") == 0 && strcmp(scope, "lib") != 0)))
            return lines[i].value;
    return NULL;
}

static double number(const char *scope, const char *name, double otherwise) {
    const char *value = find(scope, name);
    return value == NULL ? otherwise : atof(value);
}

static nvmlReturn_t ordered(const char *scope, const char *function) {
    char name[80];
    snprintf(name, sizeof name, "!%s", function);
    const char *value = find(scope, name);
    if (value == NULL && strncmp(function, "nvmlDeviceGetHandle", 19) != 0) value = find(scope, "!*");
    if (value == NULL) return SUCCESS;
    if (strcmp(value, "hang") == 0)
        for (;;) pause();
    if (strcmp(value, "segv") == 0) *(volatile int *)8 = 0;
    return atoi(value);
}

#define LIB()                                       \
    do {                                            \
        load();                                     \
        nvmlReturn_t code_ = ordered("lib", __func__); \
        if (code_ != SUCCESS) return code_;         \
    } while (0)
#define ASK(device)                                          \
    do {                                                     \
        load();                                              \
        if ((device) == NULL) return INVALID_ARGUMENT;       \
        nvmlReturn_t code_ = ordered((device)->scope, __func__); \
        if (code_ != SUCCESS) return code_;                  \
    } while (0)
#define GET(device, name, otherwise) number((device)->scope, name, otherwise)
#define NEED(device, name)                                             \
    do {                                                               \
        if (find((device)->scope, name) == NULL) return NOT_SUPPORTED; \
    } while (0)

API nvmlReturn_t nvmlInitWithFlags(unsigned int flags) { (void)flags; LIB(); return SUCCESS; }
API nvmlReturn_t nvmlShutdown(void) { LIB(); return SUCCESS; }

API nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned int length) {
    LIB();
    const char *value = find("lib", "driver");
    snprintf(version, length, "%s", value == NULL ? "550.54.15" : value);
    return SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *count) {
    LIB();
    *count = (unsigned int)number("lib", "count", 1);
    return SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device) {
    LIB();
    if (index >= MAX_GPUS || index >= number("lib", "count", 1)) return INVALID_ARGUMENT;
    struct nvmlDevice_st *gpu = &gpus[index];
    gpu->gpu = (int)index;
    gpu->slice = -1;
    snprintf(gpu->scope, sizeof gpu->scope, "%u", index);
    *device = gpu;
    return ordered(gpu->scope, __func__);
}

API nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned int length) {
    ASK(device);
    snprintf(uuid, length, "GPU-00000000-0000-0000-0000-%012d", device->gpu);
    return SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned int length) {
    ASK(device);
    const char *value = find(device->scope, "name");
    snprintf(name, length, "%s", value == NULL ? "Fake H100" : value);
    return SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *pci) {
    ASK(device);
    memset(pci, 0, sizeof *pci);
    pci->bus = (unsigned int)device->gpu + 1;
    snprintf(pci->busId, sizeof pci->busId, "00000000:%02X:00.0", pci->bus);
    return SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *rates) {
    ASK(device);
    rates->gpu = (unsigned int)GET(device, "util", 0);
    rates->memory = 0;
    return SUCCESS;
}

/* The reserved megabytes count as used in the older structure only. */
API nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory) {
    ASK(device);
    memory->total = (unsigned long long)GET(device, "memory_total", 8e10);
    memory->used = (unsigned long long)(GET(device, "memory_used", 0) + GET(device, "memory_reserved", 5e8));
    memory->free = memory->total - memory->used;
    return SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned int *power) {
    ASK(device);
    *power = (unsigned int)(1e3 * GET(device, "power", 70));
    return SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, unsigned int *limit) {
    ASK(device);
    *limit = (unsigned int)(1e3 * GET(device, "power_limit", 700));
    return SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, nvmlClockType_t type, unsigned int *clock) {
    (void)type;
    ASK(device);
    *clock = (unsigned int)GET(device, "sm_clock", 1980);
    return SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t device, nvmlClockType_t type, unsigned int *clock) {
    ASK(device);
    *clock = type == 2 ? 2619 : 1980;
    return SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, nvmlTemperatureSensors_t sensor, unsigned int *temperature) {
    (void)sensor;
    ASK(device);
    *temperature = (unsigned int)GET(device, "temperature", 40);
    return SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetTemperatureThreshold(nvmlDevice_t device, nvmlTemperatureThresholds_t which, unsigned int *temperature) {
    ASK(device);
    *temperature = which == 1 ? 90 : 95;
    return SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t device, unsigned long long *reasons) {
    ASK(device);
    *reasons = (unsigned long long)GET(device, "throttle", 0);
    return SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetTotalEccErrors(nvmlDevice_t device, nvmlMemoryErrorType_t type, nvmlEccCounterType_t counter, unsigned long long *count) {
    (void)counter;
    ASK(device);
    *count = (unsigned long long)(type == 1 ? GET(device, "ecc_uncorrected", 0) : GET(device, "ecc_corrected", 0));
    return SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetPcieReplayCounter(nvmlDevice_t device, unsigned int *count) {
    ASK(device);
    *count = (unsigned int)GET(device, "pcie_replays", 0);
    return SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetNvLinkState(nvmlDevice_t device, unsigned int link, nvmlEnableState_t *active) {
    ASK(device);
    NEED(device, "nvlinks");
    if (link >= 18) return INVALID_ARGUMENT;
    *active = link < GET(device, "nvlinks", 0);
    return SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetNvLinkErrorCounter(nvmlDevice_t device, unsigned int link, nvmlNvLinkErrorCounter_t kind, unsigned long long *count) {
    ASK(device);
    *count = (unsigned long long)(link == 0 && kind == 0 ? GET(device, "nvlink_errors", 0) : 0);
    return SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t device, int count, nvmlFieldValue_t *values) {
    ASK(device);
    for (int i = 0; i < count; i++) {
        const char *name = values[i].fieldId == 230 ? "recovery_action" : "?";
        values[i].valueType = 1;
        values[i].nvmlReturn = find(device->scope, name) == NULL ? NOT_SUPPORTED : SUCCESS;
        values[i].value.uiVal = (unsigned int)GET(device, name, 0);
    }
    return SUCCESS;
}

static nvmlReturn_t running(nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_t *processes) {
    const char *value = find(device->scope, "pids");
    char words[64], *word, *rest = words;
    unsigned int found = 0;
    snprintf(words, sizeof words, "%s", value == NULL ? "" : value);
    while ((word = strsep(&rest, ",")) != NULL) {
        if (*word == 0) continue;
        if (processes != NULL && found < *count) {
            memset(&processes[found], 0, sizeof *processes);
            processes[found].pid = (unsigned int)atoi(word);
            processes[found].usedGpuMemory = (unsigned long long)GET(device, "memory_used", 0);
        }
        found++;
    }
    int fits = processes == NULL ? found == 0 : found <= *count;
    *count = found;
    return fits ? SUCCESS : INSUFFICIENT_SIZE;
}

#ifdef OLD_DRIVER
API nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v2(nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_v2_t *processes) {
    ASK(device);
    return running(device, count, (nvmlProcessInfo_t *)processes);
}
#else
static struct nvmlDevice_st slices[MAX_GPUS][MAX_SLICES];

API nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_t *processes) {
    ASK(device);
    return running(device, count, processes);
}

API nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *memory) {
    ASK(device);
    if (memory->version != (sizeof *memory | 2u << 24)) return VERSION_MISMATCH;
    memory->total = (unsigned long long)GET(device, "memory_total", 8e10);
    memory->used = (unsigned long long)GET(device, "memory_used", 0);
    memory->reserved = (unsigned long long)GET(device, "memory_reserved", 5e8);
    memory->free = memory->total - memory->used - memory->reserved;
    return SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetTemperatureV(nvmlDevice_t device, nvmlTemperature_t *temperature) {
    ASK(device);
    if (temperature->version != (sizeof *temperature | 1u << 24)) return VERSION_MISMATCH;
    temperature->temperature = (int)GET(device, "temperature", 40);
    return SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetMarginTemperature(nvmlDevice_t device, nvmlMarginTemperature_t *margin) {
    ASK(device);
    NEED(device, "margin");
    margin->marginTemperature = (int)GET(device, "margin", 0);
    return SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetCurrentClocksEventReasons(nvmlDevice_t device, unsigned long long *reasons) {
    ASK(device);
    *reasons = (unsigned long long)GET(device, "throttle", 0);
    return SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetRemappedRows(nvmlDevice_t device, unsigned int *corrected, unsigned int *uncorrected, unsigned int *pending, unsigned int *failed) {
    ASK(device);
    *corrected = 0;
    *uncorrected = (unsigned int)GET(device, "remapped", 0);
    *pending = (unsigned int)GET(device, "remap_pending", 0);
    *failed = (unsigned int)GET(device, "remap_failed", 0);
    return SUCCESS;
}

API nvmlReturn_t nvmlGpmQueryDeviceSupport(nvmlDevice_t device, nvmlGpmSupport_t *support) {
    ASK(device);
    if (support->version != 1) return VERSION_MISMATCH;
    support->isSupportedDevice = find(device->scope, "sm_activity") != NULL;
    return SUCCESS;
}

API nvmlReturn_t nvmlGpmSampleAlloc(nvmlGpmSample_t *sample) {
    *sample = calloc(1, sizeof **sample);
    return SUCCESS;
}

API nvmlReturn_t nvmlGpmSampleFree(nvmlGpmSample_t sample) {
    free(sample);
    return SUCCESS;
}

static struct nvmlDevice_st *measured; /* one device's activity at a time is enough here */

API nvmlReturn_t nvmlGpmSampleGet(nvmlDevice_t device, nvmlGpmSample_t sample) {
    ASK(device);
    sample->filled = 1;
    measured = device;
    return SUCCESS;
}

API nvmlReturn_t nvmlGpmMigSampleGet(nvmlDevice_t device, unsigned int slice, nvmlGpmSample_t sample) {
    ASK(device);
    sample->filled = 1;
    measured = &slices[device->gpu][slice];
    return SUCCESS;
}

API nvmlReturn_t nvmlGpmMetricsGet(nvmlGpmMetricsGet_t *request) {
    LIB();
    if (request->version != 1) return VERSION_MISMATCH;
    if (!request->sample1->filled || !request->sample2->filled) return INVALID_ARGUMENT;
    for (unsigned int i = 0; i < request->numMetrics; i++) {
        nvmlGpmMetric_t *metric = &request->metrics[i];
        const char *name = metric->metricId == 2 ? "sm_activity" : "?";
        metric->nvmlReturn = find(measured->scope, name) == NULL ? NOT_SUPPORTED : SUCCESS;
        metric->value = GET(measured, name, 0);
    }
    return SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned int *current, unsigned int *pending) {
    ASK(device);
    NEED(device, "slices");
    *current = *pending = 1;
    return SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned int *count) {
    ASK(device);
    *count = 7;
    return SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned int index, nvmlDevice_t *found) {
    ASK(device);
    if (index >= 7) return INVALID_ARGUMENT;
    if (index >= GET(device, "slices", 0)) return NOT_FOUND;
    struct nvmlDevice_st *slice = &slices[device->gpu][index];
    slice->gpu = device->gpu;
    slice->slice = (int)index;
    snprintf(slice->scope, sizeof slice->scope, "%d:%u", device->gpu, index);
    *found = slice;
    return SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t device, unsigned int *id) {
    ASK(device);
    *id = (unsigned int)device->slice;
    return SUCCESS;
}
#endif

API nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t *set) {
    LIB();
    *set = calloc(1, sizeof **set);
    return SUCCESS;
}

API nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t set) {
    free(set);
    return SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetSupportedEventTypes(nvmlDevice_t device, unsigned long long *types) {
    ASK(device);
    *types = XID_EVENT | DOUBLE_BIT_EVENT | 1;
    return SUCCESS;
}

/* Events that were in the file before are past: the driver does not tell them. */
API nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t device, unsigned long long types, nvmlEventSet_t set) {
    (void)types;
    ASK(device);
    set->registered[device->gpu] = 1;
    if (set->taken < line_count) set->taken = line_count;
    return SUCCESS;
}

API nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t set, nvmlEventData_t *data, unsigned int milliseconds) {
    for (unsigned int waited = 0;; waited += 10) {
        LIB();
        for (; set->taken < line_count; set->taken++) {
            struct line *at = &lines[set->taken];
            int xid = strcmp(at->name, "xid") == 0, gpu = atoi(at->scope);
            if ((!xid && strcmp(at->name, "double_bit") != 0) || gpu >= MAX_GPUS || !set->registered[gpu]) continue;
            memset(data, 0, sizeof *data);
            data->device = &gpus[gpu];
            data->eventType = xid ? XID_EVENT : DOUBLE_BIT_EVENT;
            data->eventData = xid ? (unsigned long long)atoi(at->value) : 0;
            data->gpuInstanceId = data->computeInstanceId = 0xffffffffu;
            set->taken++;
            return SUCCESS;
        }
        if (waited >= milliseconds) return TIMED_OUT;
        usleep(10000);
    }
}
