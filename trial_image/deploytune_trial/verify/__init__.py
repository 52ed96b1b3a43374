"""The Verify stage: what Triton answers is held against the fp32 original, and against labels."""

from deploytune_trial.verify.verifying import VerifyResult, verify

__all__ = ["VerifyResult", "verify"]
