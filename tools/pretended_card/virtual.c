/* Memory that is mapped piece by piece into a range of addresses, as torch's expandable segments ask for it. A piece
   counts against the card's size from its making to its release, wherever it is mapped. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>

#include "card.h"

CUresult cuMemGetAllocationGranularity(
    size_t *size, const CUmemAllocationProp *kind, CUmemAllocationGranularity_flags which) {
    (void)kind, (void)which;
    return *size = PAGE, CUDA_SUCCESS;
}

CUresult cuMemAddressReserve(CUdeviceptr *start, size_t size, size_t alignment, CUdeviceptr wanted, unsigned long long f) {
    (void)alignment, (void)wanted, (void)f;
    *start = (CUdeviceptr)card_range(size);
    return *start ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuMemAddressFree(CUdeviceptr start, size_t size) {
    (void)size;
    return card_let_go((void *)start), CUDA_SUCCESS;
}

CUresult cuMemCreate(
    CUmemGenericAllocationHandle *piece, size_t size, const CUmemAllocationProp *kind, unsigned long long flags) {
    (void)kind, (void)flags;
    if (!card_take(size)) return CUDA_ERROR_OUT_OF_MEMORY;
    size_t *remembered = malloc(sizeof *remembered);
    *remembered = size;
    return *piece = (CUmemGenericAllocationHandle)remembered, CUDA_SUCCESS;
}

CUresult cuMemRelease(CUmemGenericAllocationHandle piece) {
    card_give_back(*(size_t *)piece);
    return free((void *)piece), CUDA_SUCCESS;
}

CUresult cuMemMap(
    CUdeviceptr start, size_t size, size_t offset, CUmemGenericAllocationHandle piece, unsigned long long flags) {
    (void)start, (void)size, (void)offset, (void)piece, (void)flags;
    return CUDA_SUCCESS;
}

CUresult cuMemSetAccess(CUdeviceptr start, size_t size, const CUmemAccessDesc *who, size_t count) {
    (void)start, (void)size, (void)who, (void)count;
    return CUDA_SUCCESS;
}

CUresult cuMemUnmap(CUdeviceptr start, size_t size) {
    return madvise((void *)start, size, MADV_DONTNEED), CUDA_SUCCESS;
}
