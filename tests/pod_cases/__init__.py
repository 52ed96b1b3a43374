"""How Pods come to wait and to end, on real kubelets: each case brings one about."""
