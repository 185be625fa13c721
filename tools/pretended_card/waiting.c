/* How far the pretended card has come: with everything at once, or, with PRETENDED_SLOW set, never further than the last
   thing that the host waited for. The second is the worst case of a host that runs ahead of its card: what torch's
   allocator would take back when an event is done, it takes back after the host's next wait.
 */
#include <stdlib.h>

#include "card.h"

static unsigned long asked; /* events recorded so far; an event's handle leads to its number */
static unsigned long done;  /* the last of them that the host has waited for */

static int is_slow(void) {
    static int slow = -1;
    if (slow < 0) slow = getenv("PRETENDED_SLOW") != NULL;
    return slow;
}

void note_event(cudaEvent_t event) {
    *(unsigned long *)event = __atomic_add_fetch(&asked, 1, __ATOMIC_RELAXED);
}

static void wait_until(unsigned long number) {
    if (number > done) done = number;
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
    if (is_slow() && *(unsigned long *)event > done) return cudaErrorNotReady;
    return unsafe();
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) { return wait_until(*(unsigned long *)event), unsafe(); }
cudaError_t cudaDeviceSynchronize(void) { return wait_until(asked), unsafe(); }
cudaError_t cudaStreamSynchronize(cudaStream_t stream) { return wait_until(asked), waits_for(stream); }
cudaError_t cudaStreamQuery(cudaStream_t stream) { return waits_for(stream); }
