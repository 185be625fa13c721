/* Capture of streams into graphs, under CUDA's rules: what waits for the card or changes it under a capture fails, and
   the capture with it. Work on the legacy stream meanwhile is done at once, which may or may not be meant: it is counted.
   A graph knows how many launches it holds, and nothing else. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "card.h"

#define FORKED 16

typedef struct {
    unsigned long launches;
} Graph;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Graph *capturing;                /* NULL where nothing is captured */
static cudaStream_t streams[FORKED];    /* the captured one, then those that wait for its events */
static int count;
static pthread_t began;
static enum cudaStreamCaptureMode mode;
static int broken;
static unsigned long long number;
static __thread enum cudaStreamCaptureMode own = cudaStreamCaptureModeGlobal;
static unsigned long replayed, beside;

unsigned long pretended_replayed_launches(void) { return replayed; }
unsigned long pretended_launches_beside_captures(void) { return beside; }

static int is_captured(cudaStream_t stream) {
    for (int i = 0; capturing && i < count; i++)
        if (streams[i] == stream) return 1;
    return 0;
}

static int is_legacy(cudaStream_t stream) { return !stream || stream == cudaStreamLegacy; }

cudaError_t captured(cudaStream_t stream) {
    if (is_captured(stream)) __atomic_fetch_add(&capturing->launches, 1, __ATOMIC_RELAXED);
    if (!capturing || !is_legacy(stream)) return cudaSuccess;
    __atomic_fetch_add(&beside, 1, __ATOMIC_RELAXED);
    if (is_nonblocking(streams[0])) return cudaSuccess;
    return broken = 1, cudaErrorStreamCaptureImplicit;
}

cudaError_t unsafe(void) {
    int elsewhere = mode == cudaStreamCaptureModeThreadLocal && !pthread_equal(began, pthread_self());
    if (!capturing || elsewhere || mode == cudaStreamCaptureModeRelaxed || own == cudaStreamCaptureModeRelaxed)
        return cudaSuccess;
    return broken = 1, cudaErrorStreamCaptureUnsupported;
}

cudaError_t waits_for(cudaStream_t stream) {
    if (!is_captured(stream)) return unsafe();
    return broken = 1, cudaErrorStreamCaptureUnsupported;
}

cudaError_t cudaThreadExchangeStreamCaptureMode(enum cudaStreamCaptureMode *given) {
    enum cudaStreamCaptureMode before = own;
    own = *given;
    *given = before;
    return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode asked) {
    if (is_legacy(stream)) return cudaErrorStreamCaptureUnsupported;
    pthread_mutex_lock(&lock);
    capturing = calloc(1, sizeof *capturing);
    streams[0] = stream;
    count = 1, broken = 0, number++;
    began = pthread_self(), mode = asked;
    pthread_mutex_unlock(&lock);
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph) {
    if (!is_captured(stream)) return cudaErrorIllegalState;
    *graph = broken ? NULL : (cudaGraph_t)capturing;
    capturing = NULL;
    return broken ? cudaErrorStreamCaptureInvalidated : cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, enum cudaStreamCaptureStatus *status) {
    *status = is_captured(stream) ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
    return cudaSuccess;
}

cudaError_t cudaStreamGetCaptureInfo(
    cudaStream_t stream, enum cudaStreamCaptureStatus *status, unsigned long long *id, cudaGraph_t *graph,
    const cudaGraphNode_t **nodes, const cudaGraphEdgeData **edges, size_t *of_nodes) {
    (void)edges;
    cudaStreamIsCapturing(stream, status);
    if (id) *id = *status == cudaStreamCaptureStatusActive ? number : 0;
    if (graph) *graph = (cudaGraph_t)capturing;
    if (nodes) *nodes = NULL;
    if (of_nodes) *of_nodes = 0;
    return cudaSuccess;
}

/* An event is asked for its stream by where it was recorded. */
static struct {
    cudaEvent_t event;
    int captured;
} recorded[256];

cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags) {
    (void)flags;
    note_event(event);
    size_t place = ((size_t)event >> 4) % 256;
    recorded[place].event = event;
    recorded[place].captured = is_captured(stream);
    return captured(stream);
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) { return cudaEventRecordWithFlags(event, stream, 0); }

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
    (void)flags;
    size_t place = ((size_t)event >> 4) % 256;
    int from_capture = capturing && recorded[place].event == event && recorded[place].captured;
    if (from_capture && !is_captured(stream) && count < FORKED) streams[count++] = stream;
    return captured(stream);
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t *result, cudaGraph_t graph, unsigned long long flags) {
    (void)flags;
    Graph *copy = malloc(sizeof *copy);
    *copy = *(Graph *)graph;
    *result = (cudaGraphExec_t)copy;
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
    __atomic_fetch_add(&replayed, ((Graph *)graph)->launches, __ATOMIC_RELAXED);
    return captured(stream);
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *of_nodes) {
    (void)nodes;
    return *of_nodes = ((Graph *)graph)->launches, cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) { return free(graph), cudaSuccess; }
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) { return free(graph), cudaSuccess; }
