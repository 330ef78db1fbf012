"""A page on which people look through rows and names, and what they said of them.

    table      the rows of a data set, found by position, by id and by what a person filters for
    layers     a row as the page draws it; in answer mode without its answer
    answers    an answer's points as text, and back; what a fixed or given answer must be
    objects    what the objects are called, and pictures of each
    events     what people did: only ever added, to SQLite; the present state is their fold
    standing   that fold: who says what of which row, and what can be undone
    agreement  Cohen's kappa, and the tables of the report
    export     the verified subset, the names and the human replies as files
    pictures   a row's image, from inside the BOP folder only
    guard      who may ask, and who may write
    app        the routes;  serve  the process

Rows, names and comments are data of others: they reach the page as JSON and the document as text nodes, nothing else.
"""
