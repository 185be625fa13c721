/* The pretended card's answers about itself: one device, of a chosen size and compute capability. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card.h"

#define VERSION 13000

size_t card_bytes(void) {
    const char *text = getenv("PRETENDED_BYTES");
    return text ? strtoull(text, 0, 10) : (size_t)80 << 30;
}

static int capability(void) {
    const char *text = getenv("PRETENDED_CAPABILITY");
    return text ? atoi(text) : 90;
}

static size_t shared_bytes(void) {
    switch (capability()) {
        case 90: return 232448;
        case 80: return 166912;
        case 75: return 65536;
        default: return 101376;
    }
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *properties, int device) {
    (void)device;
    memset(properties, 0, sizeof *properties);
    snprintf(properties->name, sizeof properties->name, "Pretended sm_%d", capability());
    properties->major = capability() / 10;
    properties->minor = capability() % 10;
    properties->totalGlobalMem = card_bytes();
    properties->multiProcessorCount = capability() == 90 ? 132 : 46;
    properties->warpSize = 32;
    properties->maxThreadsPerBlock = 1024;
    properties->maxThreadsPerMultiProcessor = 2048;
    properties->maxBlocksPerMultiProcessor = 32;
    properties->regsPerBlock = properties->regsPerMultiprocessor = 65536;
    properties->sharedMemPerBlock = 49152;
    properties->sharedMemPerBlockOptin = shared_bytes();
    properties->sharedMemPerMultiprocessor = shared_bytes() + 1024;
    properties->l2CacheSize = 50 << 20;
    properties->totalConstMem = 65536;
    properties->maxThreadsDim[0] = properties->maxThreadsDim[1] = 1024;
    properties->maxThreadsDim[2] = 64;
    properties->maxGridSize[0] = 2147483647;
    properties->maxGridSize[1] = properties->maxGridSize[2] = 65535;
    properties->textureAlignment = 512;
    properties->concurrentKernels = properties->unifiedAddressing = properties->managedMemory = 1;
    properties->asyncEngineCount = 3;
    return cudaSuccess;
}

int card_attribute(int attribute) {
    struct cudaDeviceProp card;
    cudaGetDeviceProperties(&card, 0);
    switch (attribute) {
        case cudaDevAttrMaxThreadsPerBlock:
        case cudaDevAttrMaxBlockDimX:
        case cudaDevAttrMaxBlockDimY: return 1024;
        case cudaDevAttrMaxBlockDimZ: return 64;
        case cudaDevAttrMaxGridDimX: return 2147483647;
        case cudaDevAttrMaxGridDimY:
        case cudaDevAttrMaxGridDimZ: return 65535;
        case cudaDevAttrMaxSharedMemoryPerBlock: return (int)card.sharedMemPerBlock;
        case cudaDevAttrMaxSharedMemoryPerBlockOptin: return (int)card.sharedMemPerBlockOptin;
        case cudaDevAttrMaxSharedMemoryPerMultiprocessor: return (int)card.sharedMemPerMultiprocessor;
        case cudaDevAttrReservedSharedMemoryPerBlock: return 1024;
        case cudaDevAttrMaxRegistersPerBlock:
        case cudaDevAttrMaxRegistersPerMultiprocessor: return 65536;
        case cudaDevAttrMultiProcessorCount: return card.multiProcessorCount;
        case cudaDevAttrMaxThreadsPerMultiProcessor: return 2048;
        case cudaDevAttrMaxBlocksPerMultiprocessor:
        case cudaDevAttrWarpSize: return 32;
        case cudaDevAttrComputeCapabilityMajor: return card.major;
        case cudaDevAttrComputeCapabilityMinor: return card.minor;
        case cudaDevAttrClockRate: return 1980000;
        case cudaDevAttrMemoryClockRate: return 2619000;
        case cudaDevAttrGlobalMemoryBusWidth: return 5120;
        case cudaDevAttrL2CacheSize: return card.l2CacheSize;
        case cudaDevAttrUnifiedAddressing: return 1;
        default: return 0;
    }
}

cudaError_t cudaGetDeviceCount(int *count) { return *count = 1, cudaSuccess; }
cudaError_t cudaGetDevice(int *device) { return *device = 0, cudaSuccess; }
cudaError_t cudaSetDevice(int device) { return device ? cudaErrorInvalidDevice : cudaSuccess; }
cudaError_t cudaDriverGetVersion(int *version) { return *version = VERSION, cudaSuccess; }
cudaError_t cudaRuntimeGetVersion(int *version) { return *version = VERSION, cudaSuccess; }

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int device) {
    (void)device;
    return *value = card_attribute(attribute), cudaSuccess;
}

cudaError_t cudaDeviceCanAccessPeer(int *can, int device, int other) {
    (void)device, (void)other;
    return *can = 0, cudaSuccess;
}

cudaError_t cudaDeviceGetPCIBusId(char *text, int size, int device) {
    (void)device;
    snprintf(text, size, "0000:01:00.0");
    return cudaSuccess;
}

cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest) {
    return *least = 0, *greatest = -5, cudaSuccess;
}
