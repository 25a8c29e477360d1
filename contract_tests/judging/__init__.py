"""What an answer, a stream or a batch body breaks."""
