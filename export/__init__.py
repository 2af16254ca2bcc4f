"""From a trained checkpoint to a bundle: checked ONNX files, a manifest and a model card."""
