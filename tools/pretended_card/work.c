/* Streams, events, kernels and products of the pretended card: handles that mean nothing, and launches that are counted.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "card.h"

static unsigned long launches;
unsigned long pretended_products; /* matrix products, counted in quiet.c */

unsigned long pretended_launches(void) { return launches; }
unsigned long pretended_matrix_products(void) { return pretended_products; }

static cudaError_t handle(void *result) {
    *(void **)result = calloc(1, 8);
    return cudaSuccess;
}

/* A stream's handle leads to its flags. */
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags) {
    handle(stream);
    return *(unsigned *)*stream = flags, cudaSuccess;
}

int is_nonblocking(cudaStream_t stream) { return *(unsigned *)stream & cudaStreamNonBlocking; }
cudaError_t cudaStreamCreate(cudaStream_t *stream) { return cudaStreamCreateWithFlags(stream, 0); }
cudaError_t cudaEventCreate(cudaEvent_t *event) { return handle(event); }

cudaError_t cudaStreamCreateWithPriority(cudaStream_t *stream, unsigned flags, int priority) {
    (void)priority;
    return cudaStreamCreateWithFlags(stream, flags);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags) {
    (void)flags;
    return handle(event);
}

cudaError_t cudaStreamGetPriority(cudaStream_t stream, int *priority) {
    (void)stream;
    return *priority = 0, cudaSuccess;
}

cudaError_t cudaStreamAddCallback(cudaStream_t stream, cudaStreamCallback_t callback, void *data, unsigned flags) {
    (void)flags;
    callback(stream, cudaSuccess, data);
    return cudaSuccess;
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void *data) {
    (void)stream;
    function(data);
    return cudaSuccess;
}

cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t start, cudaEvent_t end) {
    (void)start, (void)end;
    return *milliseconds = 0.01f, cudaSuccess;
}

/* The launches take more arguments than these, which nobody reads. */
static cudaError_t launched(cudaStream_t stream) {
    __atomic_fetch_add(&launches, 1, __ATOMIC_RELAXED);
    return captured(stream);
}

cudaError_t cudaLaunchKernel(const void *f, dim3 grid, dim3 block, void **arguments, size_t shared, cudaStream_t s) {
    (void)f, (void)grid, (void)block, (void)arguments, (void)shared;
    return launched(s);
}

cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t *config, const void *f, void **arguments) {
    (void)f, (void)arguments;
    return launched(config->stream);
}

cudaError_t __cudaLaunchKernel(cudaKernel_t k, dim3 grid, dim3 block, void **arguments, size_t shared, cudaStream_t s) {
    (void)k, (void)grid, (void)block, (void)arguments, (void)shared;
    return launched(s);
}

CUresult cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction f, void **arguments, void **more) {
    (void)f, (void)arguments, (void)more;
    return (CUresult)launched((cudaStream_t)config->hStream);
}

cudaError_t __cudaGetKernel(cudaKernel_t *kernel, const void *function) {
    return *kernel = (cudaKernel_t)function, cudaSuccess;
}

cudaError_t cudaFuncGetAttributes(struct cudaFuncAttributes *attributes, const void *function) {
    (void)function;
    memset(attributes, 0, sizeof *attributes);
    attributes->maxThreadsPerBlock = 1024;
    attributes->numRegs = 32;
    attributes->binaryVersion = attributes->ptxVersion =
        10 * card_attribute(cudaDevAttrComputeCapabilityMajor) + card_attribute(cudaDevAttrComputeCapabilityMinor);
    attributes->maxDynamicSharedSizeBytes = 49152;
    return cudaSuccess;
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
    int *count, const void *function, int block, size_t shared, unsigned flags) {
    (void)function, (void)block, (void)shared, (void)flags;
    return *count = 2, cudaSuccess;
}

cudaError_t cudaGetSymbolAddress(void **place, const void *symbol) { return *place = (void *)symbol, cudaSuccess; }

static int nothing(void) { return 0; }

cudaError_t cudaGetDriverEntryPointByVersion(
    const char *name, void **function, unsigned version, unsigned long long flags,
    enum cudaDriverEntryPointQueryResult *found) {
    (void)version, (void)flags;
    void *own = dlsym(RTLD_DEFAULT, name);
    *function = own ? own : (void *)nothing;
    if (found) *found = cudaDriverEntryPointSuccess;
    return cudaSuccess;
}

cublasStatus_t cublasCreate_v2(cublasHandle_t *result) { return (cublasStatus_t)handle(result); }
cublasStatus_t cublasLtCreate(cublasLtHandle_t *result) { return (cublasStatus_t)handle(result); }
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *r) { return (cublasStatus_t)handle(r); }

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *result, cublasComputeType_t compute, cudaDataType_t type) {
    (void)compute, (void)type;
    return (cublasStatus_t)handle(result);
}

cublasStatus_t cublasLtMatrixLayoutCreate(
    cublasLtMatrixLayout_t *result, cudaDataType_t type, uint64_t rows, uint64_t columns, int64_t leading) {
    (void)type, (void)rows, (void)columns, (void)leading;
    return (cublasStatus_t)handle(result);
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(
    cublasLtHandle_t lt, cublasLtMatmulDesc_t matmul, cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
    cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d, cublasLtMatmulPreference_t preference, int wanted,
    cublasLtMatmulHeuristicResult_t *results, int *count) {
    (void)lt, (void)matmul, (void)a, (void)b, (void)c, (void)d, (void)preference, (void)wanted;
    memset(results, 0, sizeof *results);
    return *count = 1, CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetMathMode(cublasHandle_t cublas, cublasMath_t *mode) {
    (void)cublas;
    return *mode = CUBLAS_DEFAULT_MATH, CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetPointerMode_v2(cublasHandle_t cublas, cublasPointerMode_t *mode) {
    (void)cublas;
    return *mode = CUBLAS_POINTER_MODE_HOST, CUBLAS_STATUS_SUCCESS;
}
