/* Memory of the pretended card: address space that is reserved and not touched, counted against the card's size. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "card.h"

#define COPIED ((size_t)4 << 20) /* larger copies to and from the card are left out: nobody reads the numbers */

#define RANGE (-1) /* a kind of block: addresses of the card, behind which there may be memory */

typedef struct Block {
    char *start;
    size_t size;
    int kind;
    struct Block *next;
} Block;

static Block *blocks;
static size_t used;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* What other processes have of the card now; a card that is shared fills up in the middle of a run. */
static size_t taken(void) {
    const char *path = getenv("PRETENDED_TAKEN");
    FILE *file = path ? fopen(path, "r") : NULL;
    size_t bytes = 0;
    if (!file) return 0;
    if (fscanf(file, "%zu", &bytes) != 1) bytes = 0;
    fclose(file);
    return bytes < card_bytes() ? bytes : card_bytes();
}

static void remember(char *start, size_t size, int kind) {
    Block *block = malloc(sizeof *block);
    *block = (Block){start, size, kind, blocks};
    blocks = block;
}

static Block *take_out(const char *start) {
    for (Block **place = &blocks; *place; place = &(*place)->next)
        if ((*place)->start == start) {
            Block *block = *place;
            *place = block->next;
            return block;
        }
    return NULL;
}

static char *reserve_aligned(size_t size) {
    char *raw = mmap(0, size + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED) return NULL;
    char *start = (char *)(((size_t)raw + PAGE - 1) & ~(PAGE - 1));
    if (start > raw) munmap(raw, start - raw);
    munmap(start + size, raw + PAGE - start);
    return start;
}

static cudaError_t allocate(void **result, size_t bytes, int kind) {
    size_t size = (bytes + PAGE - 1) & ~(PAGE - 1);
    *result = NULL;
    if (!size) return cudaSuccess;
    pthread_mutex_lock(&lock);
    int fits = kind != cudaMemoryTypeDevice || used + size + taken() <= card_bytes();
    char *start = fits ? reserve_aligned(size) : NULL;
    if (start) {
        remember(start, size, kind);
        if (kind == cudaMemoryTypeDevice) used += size;
    }
    pthread_mutex_unlock(&lock);
    *result = start;
    return start ? cudaSuccess : cudaErrorMemoryAllocation;
}

static cudaError_t give_back(void *start) {
    pthread_mutex_lock(&lock);
    Block *block = take_out(start);
    if (block) {
        munmap(block->start, block->size);
        if (block->kind == cudaMemoryTypeDevice) used -= block->size;
        free(block);
    }
    pthread_mutex_unlock(&lock);
    return cudaSuccess;
}

static int kind_of(const void *place) {
    int kind = cudaMemoryTypeUnregistered;
    pthread_mutex_lock(&lock);
    for (Block *block = blocks; block; block = block->next)
        if ((char *)place >= block->start && (char *)place < block->start + block->size) {
            kind = block->kind == RANGE ? cudaMemoryTypeDevice : block->kind;
            break;
        }
    pthread_mutex_unlock(&lock);
    return kind;
}

int card_take(size_t bytes) {
    pthread_mutex_lock(&lock);
    int fits = used + bytes + taken() <= card_bytes();
    if (fits) used += bytes;
    pthread_mutex_unlock(&lock);
    return fits;
}

void card_give_back(size_t bytes) {
    pthread_mutex_lock(&lock);
    used -= bytes;
    pthread_mutex_unlock(&lock);
}

void *card_range(size_t bytes) {
    pthread_mutex_lock(&lock);
    char *start = reserve_aligned(bytes);
    if (start) remember(start, bytes, RANGE);
    pthread_mutex_unlock(&lock);
    return start;
}

void card_let_go(void *start) { give_back(start); }

cudaError_t cudaMalloc(void **result, size_t bytes) {
    cudaError_t error = unsafe();
    return error ? error : allocate(result, bytes, cudaMemoryTypeDevice);
}

cudaError_t cudaFree(void *start) {
    cudaError_t error = unsafe();
    return error ? error : give_back(start);
}

cudaError_t cudaMallocHost(void **result, size_t bytes) { return cudaHostAlloc(result, bytes, 0); }
cudaError_t cudaFreeHost(void *start) { return cudaFree(start); }

cudaError_t cudaHostAlloc(void **result, size_t bytes, unsigned flags) {
    (void)flags;
    cudaError_t error = unsafe();
    return error ? error : allocate(result, bytes, cudaMemoryTypeHost);
}

cudaError_t cudaHostRegister(void *start, size_t bytes, unsigned flags) {
    (void)flags;
    pthread_mutex_lock(&lock);
    remember(start, bytes, cudaMemoryTypeHost);
    pthread_mutex_unlock(&lock);
    return cudaSuccess;
}

cudaError_t cudaHostUnregister(void *start) {
    pthread_mutex_lock(&lock);
    free(take_out(start));
    pthread_mutex_unlock(&lock);
    return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *left, size_t *total) {
    *total = card_bytes();
    *left = used + taken() < *total ? *total - used - taken() : 0;
    return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(
    void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind, cudaStream_t stream) {
    if (kind != cudaMemcpyDeviceToDevice && bytes <= COPIED) memmove(to, from, bytes);
    return captured(stream);
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind) {
    cudaError_t error = unsafe();
    return error ? error : cudaMemcpyAsync(to, from, bytes, kind, 0);
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream) {
    if (bytes <= COPIED) memset(to, value, bytes);
    return captured(stream);
}

cudaError_t cudaMemset(void *to, int value, size_t bytes) { return cudaMemsetAsync(to, value, bytes, 0); }

cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes *attributes, const void *place) {
    memset(attributes, 0, sizeof *attributes);
    attributes->type = kind_of(place);
    if (attributes->type == cudaMemoryTypeUnregistered) return cudaSuccess;
    attributes->devicePointer = (void *)place;
    if (attributes->type == cudaMemoryTypeHost) attributes->hostPointer = (void *)place;
    return cudaSuccess;
}
