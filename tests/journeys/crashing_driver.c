// A Vulkan driver that is Mesa's lavapipe, but for dying when a compute pipeline is made, as broken drivers do.
#include <dlfcn.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>

typedef void (*function)(void);
typedef function (*lookup)(void *, const char *);

static lookup device_lookup;

static void *driver(const char *name) {
  static void *library;
  if (!library) library = dlopen(DRIVER, RTLD_NOW | RTLD_LOCAL);
  return library ? dlsym(library, name) : 0;
}

static void die(void) { raise(SIGSEGV); }

static function from_device(void *device, const char *name) {
  return strcmp(name, "vkCreateComputePipelines") ? device_lookup(device, name) : die;
}

function vk_icdGetInstanceProcAddr(void *instance, const char *name) {
  function found = ((lookup)driver("vk_icdGetInstanceProcAddr"))(instance, name);
  if (!strcmp(name, "vkCreateComputePipelines")) return die;
  if (strcmp(name, "vkGetDeviceProcAddr")) return found;
  device_lookup = (lookup)found;
  return (function)from_device;
}

int32_t vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t *version) {
  // Version 5 and below ask nothing of a driver but the functions above.
  if (*version > 5) *version = 5;
  uint32_t wanted = *version;
  return ((int32_t (*)(uint32_t *))driver("vk_icdNegotiateLoaderICDInterfaceVersion"))(&wanted);
}

function vk_icdGetPhysicalDeviceProcAddr(void *instance, const char *name) {
  return ((lookup)driver("vk_icdGetPhysicalDeviceProcAddr"))(instance, name);
}
