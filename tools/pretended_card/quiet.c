/* Functions that succeed and do nothing. Their arguments are not named here: nobody reads them, and callers take them
   off again. Headers are left out for the same reason. */

#define QUIET(name) \
    int name(void) { return 0; }
#define PRODUCT(name) \
    int name(void) { return __atomic_fetch_add(&pretended_products, 1, __ATOMIC_RELAXED), 0; }

extern unsigned long pretended_products;

QUIET(cudaEventDestroy)
QUIET(cudaFuncSetAttribute)
QUIET(cudaGetLastError)
QUIET(cudaKernelSetAttributeForDevice)
QUIET(cudaMemcpy2DAsync)
QUIET(cudaMemcpyToSymbol)
QUIET(cudaPeekAtLastError)
QUIET(cudaProfilerStart)
QUIET(cudaProfilerStop)
QUIET(cudaStreamDestroy)

QUIET(cuCtxSetCurrent)
QUIET(cuCtxSetLimit)
QUIET(cuFuncSetAttribute)
QUIET(cuFuncSetCacheConfig)
QUIET(cuInit)
QUIET(cuLaunchCooperativeKernel)
QUIET(cuLaunchKernel)
QUIET(cuLinkAddData_v2)
QUIET(cuLinkComplete)
QUIET(cuLinkCreate_v2)
QUIET(cuModuleUnload)
QUIET(cuPointerGetAttributes)
QUIET(cuTensorMapEncodeIm2col)
QUIET(cuTensorMapEncodeTiled)

QUIET(cublasDestroy_v2)
QUIET(cublasLtDestroy)
QUIET(cublasLtMatmulDescDestroy)
QUIET(cublasLtMatmulDescSetAttribute)
QUIET(cublasLtMatmulPreferenceDestroy)
QUIET(cublasLtMatmulPreferenceSetAttribute)
QUIET(cublasLtMatrixLayoutDestroy)
QUIET(cublasLtMatrixLayoutSetAttribute)
QUIET(cublasSetMathMode)
QUIET(cublasSetPointerMode_v2)
QUIET(cublasSetSmCountTarget)
QUIET(cublasSetStream_v2)
QUIET(cublasSetWorkspace_v2)

PRODUCT(cublasDgemmStridedBatched)
PRODUCT(cublasDgemm_v2)
PRODUCT(cublasDgemv_v2)
PRODUCT(cublasDotEx)
PRODUCT(cublasGemmEx)
PRODUCT(cublasGemmStridedBatchedEx)
PRODUCT(cublasLtMatmul)
PRODUCT(cublasSdot_v2)
PRODUCT(cublasSgemmBatched)
PRODUCT(cublasSgemmEx)
PRODUCT(cublasSgemmStridedBatched)
PRODUCT(cublasSgemm_v2)
PRODUCT(cublasSgemv_v2)
PRODUCT(cublasStrsm_v2)
