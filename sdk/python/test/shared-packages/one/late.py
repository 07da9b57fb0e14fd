NAME = "late one"
