"""Referring phrases: words that name exactly one object of a picture, or none.

    form      what a phrase means, and its words          seen      what decides it, as arrays over frames
    terms     which objects a noun covers                 generate  the shortest phrase of every object
                                                          resolve   whom a phrase means, worked out from its form alone

A phrase is given only where the resolver finds the intended object and no other.
"""
