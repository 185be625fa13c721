/* What the parts of the pretended card share. Its size and architecture come from the environment. */
#ifndef PRETENDED_CARD_H
#define PRETENDED_CARD_H

#include <cublasLt.h>
#include <cublas_v2.h>
#include <cuda.h>
#include <cuda_runtime_api.h>
#undef cudaGetDeviceProperties

#define PAGE ((size_t)2 << 20) /* what the driver hands out at least, and aligns to */

size_t card_bytes(void);
int card_attribute(int attribute);

/* Memory that counts as taken, if there is as much; addresses of the card without any. */
int card_take(size_t bytes);
void card_give_back(size_t bytes);
void *card_range(size_t bytes);
void card_let_go(void *range);

/* What a call is answered while a stream is captured: work put on a stream, and what would wait for the card or change
   it under the capture (`unsafe`). Both are a success where nothing is captured. */
int is_nonblocking(cudaStream_t stream);
cudaError_t captured(cudaStream_t stream);
cudaError_t unsafe(void);
cudaError_t waits_for(cudaStream_t stream); /* a captured stream can be waited for from no thread, in no mode */

/* An event was recorded: a slow card has not come to it before someone waits. */
void note_event(cudaEvent_t event);

#endif
