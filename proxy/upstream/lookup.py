class Lookup:
    pass
