"""Is this walk a copy of that one: renamed, encoded again, scaled, cropped, mirrored, trimmed, or retimed?"""
