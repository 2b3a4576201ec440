"""The studio: a page on the service, where people make, steer, compare and keep clips.

    page.py     the page and its tabs        mount(app, desk) puts it onto the service
    make.py     tab Make                     form.py: its controls, knobs.py: what they say
    tune.py     tab Tune
    gallery.py  tab Gallery                  listing.py: which jobs, cards.py: how they look
    inputs.py   pictures, clips, words     pad.py: where a stroke is drawn
    look.py     colours, letters; static/ holds the styles and what runs in the browser

What happens to a job the browser hears from the service's own API, so a page that is loaded again
shows what runs, whoever asked for it.
"""
