"""What a PromQL expression allows, found out without evaluating it.

    lexer      text → tokens that know strings and comments
    durations  the duration functions inside `[…]` and after `offset`
    freeze     what depends on the whole range becomes constant, in the client's own text
    nesting    what is too deep for the parser
    traits     the parser's tree → how far a step reads, and what
    clashes    the same tree → whether the whole range may be refused where its parts are not

Text that is not understood here is never an error: it travels on as the client wrote it.
"""
