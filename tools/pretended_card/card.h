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

/* What a call is answered while a stream is captured: work put on a stream, and what would wait for the card or change
   it under the capture (`unsafe`). Both are a success where nothing is captured. */
int is_nonblocking(cudaStream_t stream);
cudaError_t captured(cudaStream_t stream);
cudaError_t unsafe(void);
cudaError_t waits_for(cudaStream_t stream); /* a captured stream can be waited for from no thread, in no mode */

/* An event was recorded: a slow card has not come to it before someone waits. */
void note_event(cudaEvent_t event);

#endif
