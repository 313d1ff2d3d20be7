/*
 * A driver library with NVML's symbols, for tests: what it says stands in the scenario file that FAKE_NVML_SCENARIO names, which is
 * read again at every call, so that a test moves the world by writing a file (and renaming it into place).
 *
 *   driver 550.54.14              version of the driver
 *   device UUID TOTAL USED NAME   a device, in order; NAME may have spaces
 *   process INDEX PID USED        a compute process on the device INDEX
 *   fail FUNCTION CODE [INDEX]    FUNCTION returns CODE, for every device or for one
 *   hang FUNCTION                 FUNCTION does not return while the scenario says so
 *   crash FUNCTION                FUNCTION ends the process
 *   calls PATH                    each call appends its name to the file PATH
 *
 * FUNCTION is a name without `_v2`, `_v3`. Names, codes and sizes are facts of NVIDIA's public header. What an older library lacks is
 * left out at build time: -DWITHOUT_V3, -DWITHOUT_V2, -DWITHOUT_PROCESSES, -DWITHOUT_MEMORY; -DV3_ENTRY_BYTES=32 builds the one that
 * writes longer entries than its header says.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUCCESS 0
#define UNINITIALIZED 1
#define INVALID_ARGUMENT 2
#define INSUFFICIENT_SIZE 7
#define DEVICES_MAX 16
#define PROCESSES_MAX 4096

#ifndef V3_ENTRY_BYTES
#define V3_ENTRY_BYTES 24
#endif

struct device { char uuid[96]; unsigned long long total, used; char name[96]; };
struct process { unsigned device, pid; unsigned long long used; };
struct rule { char verb[8], function[64]; int code; long device; };

static struct device devices[DEVICES_MAX];
static struct process processes[PROCESSES_MAX];
static struct rule rules[64];
static unsigned device_count, process_count, rule_count;
static char driver_version[80], calls_path[512];
static int is_open;
/* An open library never sees another device. */
static unsigned devices_at_open;

static void read_scenario(void) {
  const char *path = getenv("FAKE_NVML_SCENARIO");
  FILE *file = path == NULL ? NULL : fopen(path, "r");
  char line[1024];
  device_count = process_count = rule_count = 0;
  strcpy(driver_version, "000.00");
  calls_path[0] = 0;
  if (file == NULL) return;
  while (fgets(line, sizeof line, file) != NULL) {
    struct device *device = &devices[device_count % DEVICES_MAX];
    struct process *process = &processes[process_count % PROCESSES_MAX];
    struct rule *rule = &rules[rule_count % 64];
    rule->device = -1;
    rule->code = 0;
    if (sscanf(line, "driver %79s", driver_version) == 1) continue;
    if (sscanf(line, "calls %511s", calls_path) == 1) continue;
    if (sscanf(line, "device %95s %llu %llu %95[^\n]", device->uuid, &device->total, &device->used, device->name) == 4)
      device_count++;
    else if (sscanf(line, "process %u %u %llu", &process->device, &process->pid, &process->used) == 3)
      process_count++;
    else if (sscanf(line, "%7s %63s %d %ld", rule->verb, rule->function, &rule->code, &rule->device) >= 2)
      rule_count++;
  }
  fclose(file);
}

static const struct rule *rule_for(const char *verb, const char *function, long device) {
  for (unsigned at = 0; at < rule_count; at++) {
    const struct rule *rule = &rules[at];
    if (strcmp(rule->verb, verb) == 0 && strcmp(rule->function, function) == 0 &&
        (rule->device < 0 || rule->device == device))
      return rule;
  }
  return NULL;
}

/* Every call begins here: what the scenario says about it. */
static int enter(const char *function, long device) {
  const struct rule *rule;
  read_scenario();
  if (calls_path[0] != 0) {
    FILE *calls = fopen(calls_path, "a");
    if (calls != NULL) {
      fprintf(calls, "%s\n", function);
      fclose(calls);
    }
  }
  while (rule_for("hang", function, device) != NULL) {
    usleep(5000);
    read_scenario();
  }
  if (rule_for("crash", function, device) != NULL) raise(SIGKILL);
  rule = rule_for("fail", function, device);
  if (rule != NULL) return rule->code;
  return is_open || strcmp(function, "nvmlInit") == 0 ? SUCCESS : UNINITIALIZED;
}

static int answer(char *to, unsigned length, const char *text) {
  if (strlen(text) + 1 > length) return INSUFFICIENT_SIZE;
  strcpy(to, text);
  return SUCCESS;
}

/* A handle is the address of the device's place in the list. */
static long index_of(void *handle) { return (struct device *)handle - devices; }

int nvmlInit_v2(void) {
  int code = enter("nvmlInit", -1);
  if (code != SUCCESS) return code;
  is_open++;
  devices_at_open = device_count;
  return SUCCESS;
}

int nvmlShutdown(void) {
  int code = enter("nvmlShutdown", -1);
  if (code == SUCCESS) is_open--;
  return code;
}

const char *nvmlErrorString(int code) {
  switch (code) {
    case 3: return "Not Supported";
    case 9: return "Driver Not Loaded";
    case 13: return "Function Not Found";
    case 15: return "GPU is lost";
    case 18: return "Driver/library version mismatch";
    case 999: return "Unknown Error";
    default: return "some error";
  }
}

int nvmlSystemGetDriverVersion(char *version, unsigned length) {
  int code = enter("nvmlSystemGetDriverVersion", -1);
  return code != SUCCESS ? code : answer(version, length, driver_version);
}

int nvmlSystemGetNVMLVersion(char *version, unsigned length) {
  int code = enter("nvmlSystemGetNVMLVersion", -1);
  return code != SUCCESS ? code : answer(version, length, "12.550.54.14");
}

int nvmlDeviceGetCount_v2(unsigned *count) {
  int code = enter("nvmlDeviceGetCount", -1);
  *count = devices_at_open;
  return code;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) {
  int code = enter("nvmlDeviceGetHandleByIndex", index);
  if (code != SUCCESS) return code;
  if (index >= devices_at_open) return INVALID_ARGUMENT;
  *handle = &devices[index];
  return SUCCESS;
}

int nvmlDeviceGetUUID(void *device, char *uuid, unsigned length) {
  int code = enter("nvmlDeviceGetUUID", index_of(device));
  return code != SUCCESS ? code : answer(uuid, length, devices[index_of(device)].uuid);
}

int nvmlDeviceGetName(void *device, char *name, unsigned length) {
  int code = enter("nvmlDeviceGetName", index_of(device));
  return code != SUCCESS ? code : answer(name, length, devices[index_of(device)].name);
}

#ifndef WITHOUT_MEMORY
int nvmlDeviceGetMemoryInfo(void *device, unsigned long long *memory) {
  int code = enter("nvmlDeviceGetMemoryInfo", index_of(device));
  const struct device *it = &devices[index_of(device)];
  if (code != SUCCESS) return code;
  memory[0] = it->total;
  memory[1] = it->total - it->used;
  memory[2] = it->used;
  return SUCCESS;
}
#endif

#ifndef WITHOUT_PROCESSES
static int list(void *device, unsigned *count, unsigned char *entries, unsigned entry_bytes) {
  int code = enter("nvmlDeviceGetComputeRunningProcesses", index_of(device));
  unsigned room = *count, found = 0;
  const unsigned none = 0xffffffff;
  if (code != SUCCESS) return code;
  for (unsigned at = 0; at < process_count; at++) {
    const struct process *process = &processes[at];
    unsigned char *entry = entries + (size_t)found * entry_bytes;
    if (process->device != (unsigned)index_of(device)) continue;
    found++;
    if (found > room) continue;
    memset(entry, 0, entry_bytes);
    memcpy(entry, &process->pid, 4);
    memcpy(entry + 8, &process->used, 8);
    if (entry_bytes >= 24) {
      memcpy(entry + 16, &none, 4);
      memcpy(entry + 20, &none, 4);
    }
  }
  *count = found;
  return found > room ? INSUFFICIENT_SIZE : SUCCESS;
}

int nvmlDeviceGetComputeRunningProcesses(void *device, unsigned *count, unsigned char *entries) {
  return list(device, count, entries, 16);
}

#ifndef WITHOUT_V2
int nvmlDeviceGetComputeRunningProcesses_v2(void *device, unsigned *count, unsigned char *entries) {
  return list(device, count, entries, 24);
}
#endif

#ifndef WITHOUT_V3
int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *count, unsigned char *entries) {
  return list(device, count, entries, V3_ENTRY_BYTES);
}
#endif
#endif
