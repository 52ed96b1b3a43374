"""Words of libraries as their documentation and issues quote them, and what each means."""

from __future__ import annotations

import pytest

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune_trial.error_texts import Meaning, meaning_of
from deploytune_trial.failures import TrialFailure, failing_as, failure_in_words

BROKEN = Meaning(OutcomeKind.INFRASTRUCTURE, Cause.HARDWARE_FAULT)
UNSUITABLE = Meaning(OutcomeKind.MISCONFIGURED, Cause.MISSING_DEPENDENCY)
OUT_OF_MEMORY = Meaning(OutcomeKind.CRASHED, Cause.OUT_OF_MEMORY)
DISK_FULL = Meaning(OutcomeKind.CRASHED, Cause.DISK_FULL)
UNSUPPORTED = Meaning(OutcomeKind.CRASHED, Cause.UNSUPPORTED)

WORDS = {
    BROKEN: [
        "CUDA error: uncorrectable ECC error encountered",
        "cudaErrorECCUncorrectable: uncorrectable ECC error encountered",
        "CUDA_ERROR_ECC_UNCORRECTABLE",
        "Uncorrectable NVLink error detected during the execution",
        "no CUDA-capable device is detected",
        "CUDA failure 100: no CUDA-capable device is detected ; GPU=0 ; hostname=a",
        "CUDA_ERROR_NO_DEVICE",
        "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU",
        "all CUDA-capable devices are busy or unavailable",
        "CUDA-capable device(s) is/are busy or unavailable",
        "GPU is lost",
        "CUDA failure 802: system not yet initialized",
        "Failed to initialize NVML: Driver/library version mismatch",
        "system has unsupported display driver / cuda driver combination",
    ],
    UNSUITABLE: [
        "CUDA driver version is insufficient for CUDA runtime version",
        "The NVIDIA driver on your system is too old (found version 11040).",
        "the provided PTX was compiled with an unsupported toolchain.",
        "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
        "forward compatibility was attempted on non supported HW",
        (
            "The engine plan file is not compatible with this version of TensorRT, expecting "
            "library version 10.3.0 got 10.7.0, please rebuild."
        ),
        (
            "Error Code 1: Serialization (Serialization assertion stdVersionRead == "
            "serializationVersion failed.Version tag does not match. Note: Current Version: 239)"
        ),
    ],
    OUT_OF_MEMORY: [
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
        "RuntimeError: CUDA error: out of memory",
        "Cuda Error in allocate: 2 (out of memory)",
        "Error Code 1: Cuda Runtime (out of memory)",
        (
            "[virtualMemoryBuffer.cpp::resizePhysical::160] Error Code 2: OutOfMemory "
            "(no further information)"
        ),
        "Requested amount of GPU memory (4294967296 bytes) could not be allocated.",
        (
            "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while "
            "running Conv node. BFCArena::AllocateRawInternal(size_t, bool) Failed to allocate "
            "memory for requested buffer of size 8388608000"
        ),
        "Available memory of 1024 is smaller than requested bytes of 2048",
        "CUDA failure 2: out of memory ; GPU=0",
        "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED",
        "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
        "cudaErrorMemoryAllocation",
        "CUDA_ERROR_OUT_OF_MEMORY",
        "std::bad_alloc",
        "DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes",
        "OSError: [Errno 12] Cannot allocate memory",
    ],
    DISK_FULL: [
        "OSError: [Errno 28] No space left on device: '/scratch/weights.bin'",
        "basic_ios::clear: iostream error: No space left on device",
    ],
    UNSUPPORTED: [
        "[ONNXRuntimeError] : 9 : NOT_IMPLEMENTED : Could not find an implementation for Conv(11)",
        "NotImplementedError: Could not run 'aten::x' with arguments from the 'CUDA' backend",
        "CUDA error: no kernel image is available for execution on the device",
        "cudaErrorNoKernelImageForDevice",
    ],
    None: [
        "libgomp.so.1: cannot allocate memory in static TLS block",
        "loading bloom into the room failed",
        "Skipping tactic 3 due to insufficient memory on requested size of 4294967296 detected",
        "CUDA error: an illegal memory access was encountered",
        "CUDA error: device-side assert triggered",
        "unspecified launch failure",
        "inference request rejected: exceeds maximum queue size",
        "",
    ],
}


@pytest.mark.parametrize(
    ("words", "expected"), [(words, meaning) for meaning, all_ in WORDS.items() for words in all_]
)
def test_words_mean(words: str, expected: Meaning | None) -> None:
    assert expected == meaning_of(words)


def test_a_broken_device_comes_before_the_allocation_that_failed_with_it() -> None:
    assert BROKEN == meaning_of("out of memory: uncorrectable ECC error encountered")


def test_line_breaks_do_not_hide_a_phrase() -> None:
    assert OUT_OF_MEMORY == meaning_of("CUDA out\n  of memory")


def test_words_without_a_meaning_crash_with_the_cause_of_their_stage() -> None:
    failure = failure_in_words(Cause.SERVER_FAILED, "request failed: unspecified launch failure")
    assert (OutcomeKind.CRASHED, Cause.SERVER_FAILED) == (failure.outcome, failure.cause)


def test_an_error_of_a_library_means_what_its_words_do_however_long_they_are() -> None:
    with (
        pytest.raises(TrialFailure) as raised,
        failing_as(Cause.BUILD_FAILED, "fp16 of net"),
    ):
        raise RuntimeError(f"{'context ' * 200} uncorrectable ECC error encountered")
    assert BROKEN == (raised.value.outcome, raised.value.cause)
    assert raised.value.message.startswith("fp16 of net: context")


def test_an_error_of_pythons_own_memory_is_one_of_memory() -> None:
    with pytest.raises(TrialFailure) as raised, failing_as(Cause.ERROR, "the trial"):
        raise MemoryError
    assert OUT_OF_MEMORY == (raised.value.outcome, raised.value.cause)
