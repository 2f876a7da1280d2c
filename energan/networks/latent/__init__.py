"""Networks of systems that read codes from images."""
