"""A bundle or poses, and a video, into something to look at."""
