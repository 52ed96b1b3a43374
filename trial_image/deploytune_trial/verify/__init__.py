"""The Verify stage: what Triton answers is held against the fp32 original, and against labels."""

from deploytune_trial.verify.verifying import Infer, VerifyResult, verify

__all__ = ["Infer", "VerifyResult", "verify"]
