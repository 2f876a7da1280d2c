"""The commands of the command line. A command is a function; its arguments are its flags."""
