"""Addresses of the Connect page."""

from __future__ import annotations

from django.urls import path

from chatapp import callback_views, views

app_name = "chatapp"
urlpatterns = [
    path("connect/", views.connect, name="connect"),
    path("connect/account/", views.connect_account, name="connect-account"),
    path("connect/lines/", views.fetch_lines, name="fetch-lines"),
    path("connect/lines/<int:pk>/choose/", views.choose_line, name="choose-line"),
    path("connect/callbacks/", callback_views.look, name="look-at-callbacks"),
    path("connect/callbacks/test/", callback_views.self_test, name="test-callbacks"),
    path(
        "connect/callbacks/<int:pk>/register/",
        callback_views.register,
        name="register-callback",
    ),
    path(
        "connect/callbacks/<int:pk>/remove/",
        callback_views.remove,
        name="remove-callback",
    ),
]
