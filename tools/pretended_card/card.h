/* What the parts of the pretended card share. Its size and architecture come from the environment. */
#ifndef PRETENDED_CARD_H
#define PRETENDED_CARD_H

#include <cublasLt.h>
#include <cublas_v2.h>
#include <cuda.h>
#include <cuda_runtime_api.h>
#undef cudaGetDeviceProperties

size_t card_bytes(void);
int card_attribute(int attribute);

#endif
